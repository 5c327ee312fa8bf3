package migrator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// LogTo returns an observer for Config.Observe that logs each event as one line. The level is Info for progress, Warn for what
// deserves a look, and Error for a failure.
func LogTo(logger *slog.Logger) func(Event) {
	return func(e Event) {
		level, message, attrs := e.describe()
		for _, backend := range e.Backends {
			attrs = append(attrs, slog.String("backend", backend.String()))
		}
		logger.LogAttrs(context.Background(), level, message, attrs...)
	}
}

// String describes the event in a few words. It leaves out what only operators may see: queries, addresses, errors, and the
// notices of files.
func (e Event) String() string {
	if e.Kind == EventNotice {
		return fmt.Sprintf("%s has sent a notice", e.Version)
	}
	_, message, _ := e.describe()
	return message
}

// describe returns an event's log line. Operators of Agent Shaker already search for these texts.
func (e Event) describe() (slog.Level, string, []slog.Attr) {
	var elapsed []slog.Attr // empty if it is not known
	if e.Elapsed > 0 {
		elapsed = []slog.Attr{slog.Duration("elapsed", e.Elapsed.Round(time.Microsecond))}
	}
	pause := slog.Duration("pause", e.Pause.Round(time.Millisecond))
	failure := slog.Any("error", e.Err)
	apply, applied := "apply", "Applied"
	if e.Direction == DirectionDown {
		apply, applied = "revert", "Reverted"
	}
	records := e.Direction == ""
	switch e.Kind {
	case EventPlanned:
		switch {
		case e.Message != "":
			return slog.LevelInfo, e.Message, nil
		case e.Total == 0 && records:
			return slog.LevelInfo, "Nothing to record", nil
		case e.Total == 0 && e.Direction == DirectionDown:
			return slog.LevelInfo, "No migrations to revert", nil
		case e.Total == 0:
			return slog.LevelInfo, "No pending migrations", nil
		case records:
			return slog.LevelInfo, "Rows of the history to write", []slog.Attr{slog.Int("count", e.Total)}
		}
		if e.Direction == DirectionDown {
			return slog.LevelInfo, "Migrations to revert", []slog.Attr{slog.Int("count", e.Total)}
		}
		return slog.LevelInfo, "Pending migrations", []slog.Attr{slog.Int("count", e.Total)}
	case EventWarning:
		return slog.LevelWarn, e.Message, nil
	case EventWaiting:
		if errors.Is(e.Err, errNoAnswer) {
			return slog.LevelWarn, "Waiting for the database: " + e.Err.Error(), elapsed
		}
		if e.Err != nil {
			return slog.LevelInfo, "Waiting for migrations: " + e.Err.Error(), nil
		}
		return slog.LevelInfo, "Another instance is running migrations, waiting...", elapsed
	case EventStarted:
		if e.Direction == DirectionDown {
			return slog.LevelInfo, fmt.Sprintf("Reverting migration: %s", e.Version), nil
		}
		return slog.LevelInfo, fmt.Sprintf("Applying migration: %s", e.Version), nil
	case EventBlocked:
		return slog.LevelWarn, fmt.Sprintf("Waiting for a lock: %s", e.Version), elapsed
	case EventRetrying:
		if e.Statements > 0 {
			return slog.LevelWarn, fmt.Sprintf("Trying again: %s, statement %d of %d", e.Version, e.Statement, e.Statements), []slog.Attr{pause, failure}
		}
		return slog.LevelWarn, fmt.Sprintf("Rolled back, trying again: %s", e.Version), []slog.Attr{pause, failure}
	case EventReconnecting:
		return slog.LevelWarn, "No connection to the database, trying again", []slog.Attr{pause, failure}
	case EventNotice:
		level := slog.LevelInfo
		if strings.HasPrefix(e.Message, "WARNING") {
			level = slog.LevelWarn
		}
		return level, e.Message, []slog.Attr{slog.String("migration", string(e.Version))}
	case EventStatement:
		return slog.LevelInfo, fmt.Sprintf("%s: statement %d of %d is done", e.Version, e.Statement, e.Statements), nil
	case EventFinished:
		return slog.LevelInfo, fmt.Sprintf("✓ %s migration: %s", applied, e.Version), elapsed
	case EventRecorded:
		return slog.LevelInfo, fmt.Sprintf("Recorded %v", e.Change), nil
	case EventFailed:
		return slog.LevelError, fmt.Sprintf("✗ Failed to %s migration %s", apply, e.Version), []slog.Attr{failure}
	case EventDone:
		if e.Message != "" {
			return slog.LevelInfo, e.Message, elapsed
		}
		if records {
			return slog.LevelInfo, fmt.Sprintf("Successfully recorded %d row(s) of the history", e.Total), elapsed
		}
		return slog.LevelInfo, fmt.Sprintf("Successfully %s %d migration(s)", strings.ToLower(applied), e.Total), elapsed
	}
	return slog.LevelInfo, string(e.Kind), nil
}
