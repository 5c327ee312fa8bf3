package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/check"
)

// What --json prints. Fields are added, never renamed or removed.
type (
	statusJSON struct {
		Migrations []migrator.Status `json:"migrations"`
		Pending    int               `json:"pending"`
	}
	planJSON struct {
		Moves    []moveJSON        `json:"moves"`
		Changes  []migrator.Change `json:"changes,omitempty"` // of what runs nothing: repair, baseline, mark
		Warnings []string          `json:"warnings"`
		SQL      string            `json:"sql,omitempty"` // --dry-run
	}
	moveJSON struct {
		Version   migrator.Version   `json:"version"`
		Direction migrator.Direction `json:"direction"`
	}
	runJSON struct {
		Results []migrator.Result `json:"results"`
		Error   *errorJSON        `json:"error,omitempty"`
	}
	errorJSON struct {
		Message string           `json:"message"`
		Version migrator.Version `json:"version,omitempty"`
		Path    string           `json:"path,omitempty"`
		Line    int              `json:"line,omitempty"`
		Column  int              `json:"column,omitempty"`
		State   string           `json:"state,omitempty"`
	}
	verifyJSON struct {
		Mismatches []migrator.Status `json:"mismatches"`
		Error      *errorJSON        `json:"error,omitempty"`
	}
	testDownJSON struct {
		Reports []check.Report `json:"reports"`
		Error   *errorJSON     `json:"error,omitempty"`
	}
	waitJSON struct {
		State string `json:"state"` // reachable or current
	}
	createJSON struct {
		Path string `json:"path"`
		Down string `json:"down,omitempty"`
	}
	versionJSON struct {
		Version    string           `json:"version"`
		Revision   string           `json:"revision,omitempty"`
		Go         string           `json:"go"`
		Migrations int              `json:"migrations"`
		Newest     migrator.Version `json:"newest,omitempty"`
	}
)

func newStatusJSON(statuses []migrator.Status) statusJSON {
	s := statusJSON{Migrations: orEmpty(statuses)}
	for _, status := range statuses {
		if status.Pending() {
			s.Pending++
		}
	}
	return s
}

func newPlanJSON(plan *migrator.Plan, script bool) planJSON {
	p := planJSON{Moves: make([]moveJSON, 0, len(plan.Moves)), Changes: plan.Changes, Warnings: orEmpty(plan.Warnings)}
	for _, move := range plan.Moves {
		p.Moves = append(p.Moves, moveJSON{Version: move.Migration.Version, Direction: move.Direction})
	}
	if script {
		var b strings.Builder
		_, _ = plan.WriteTo(&b) // a Builder takes everything
		p.SQL = b.String()
	}
	return p
}

// describe makes an error JSON, with the place of what it is about.
func describe(err error) *errorJSON {
	if err == nil {
		return nil
	}
	e := &errorJSON{Message: blot(err.Error())}
	var failed *migrator.MigrationError
	var file *migrator.FileError
	switch {
	case errors.As(err, &failed):
		e.Version, e.Path, e.Line, e.Column, e.State = failed.Version, failed.Path, failed.Line, failed.Column, failed.State
	case errors.As(err, &file):
		e.Path, e.Line, e.Column = file.Path, file.Line, file.Column
	}
	return e
}

// orEmpty makes an empty list [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (s *screen) printJSON(v any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// withCause adds what has ended the context, a signal or --timeout, to an error that came of it.
func withCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// joinWrite reports a failed write only where nothing worse has happened.
func joinWrite(err, write error) error {
	if err != nil {
		return err
	}
	return write
}
