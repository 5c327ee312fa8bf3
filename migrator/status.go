package migrator

import (
	"fmt"
	"slices"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// A State is the result of comparing files and history for one version.
type State string

// The states of a Status.
const (
	// StateApplied: applied, and the file has not changed since (or its checksum is not known yet).
	StateApplied State = "applied"
	// StatePending: not applied, and above all applied versions.
	StatePending State = "pending"
	// StateOutOfOrder: not applied, although a higher version is, as after merging two branches. The next run applies it.
	StateOutOfOrder State = "out of order"
	// StateChanged: applied, and the file has changed since.
	StateChanged State = "changed"
	// StateMissing: applied, and the file does not exist any more.
	StateMissing State = "missing"
	// StateRenamed: applied, the file does not exist any more, and a pending file (Renamed) has the same text.
	StateRenamed State = "renamed"
	// StateUnfinished: a no-transaction file that was begun and is not done; Unfinished says how far it has come. The next run
	// resumes it.
	StateUnfinished State = "unfinished"
	// StateOutdated: a repeatable migration whose file has changed since it was applied. The next run applies it again.
	StateOutdated State = "outdated"
	// StateNewer: applied, and above all files. This is fine if a program with newer files has applied it, but deleting the newest
	// file looks the same. A repeatable migration is newer if its recorded text differs from the file and another version is newer.
	StateNewer State = "newer"
)

// A Status is the result of comparing files and history for one version.
type Status struct {
	Version   Version   `json:"version"`
	State     State     `json:"state"`
	AppliedAt time.Time `json:"applied_at,omitzero"`         // UTC; zero if pending or not recorded
	Checksum  string    `json:"checksum,omitempty"`          // of the file
	Recorded  string    `json:"recorded_checksum,omitempty"` // in the history; "" if not known yet
	Renamed   Version   `json:"renamed_to,omitempty"`        // the pending file with the same text

	Unfinished *Unfinished `json:"unfinished,omitempty"` // how far a no-transaction file has come
}

// Pending reports whether the next run would apply the version.
func (s Status) Pending() bool {
	return s.State == StatePending || s.State == StateOutOfOrder || s.State == StateOutdated || (s.State == StateUnfinished && s.Unfinished.Direction == DirectionUp)
}

// mismatched reports whether file and history disagree.
func (s Status) mismatched() bool {
	switch s.State {
	case StateChanged, StateMissing, StateRenamed, StateNewer, StateOutOfOrder, StateUnfinished:
		return true
	case StateApplied, StatePending, StateOutdated:
	}
	return false
}

// describe says what is wrong with a version, for an error or a warning.
func (s Status) describe() string {
	when := ""
	if !s.AppliedAt.IsZero() {
		when = " at " + s.AppliedAt.Format("2006-01-02 15:04:05") + " UTC"
	}
	switch s.State {
	case StateChanged:
		return fmt.Sprintf("%s: changed since it was applied%s\n  applied: %s\n  file:    %s", s.Version, when, printable.Line(s.Recorded), s.Checksum)
	case StateRenamed:
		return fmt.Sprintf("%s: applied%s, and now named %s", s.Version, when, s.Renamed)
	case StateMissing:
		if s.Unfinished != nil {
			return fmt.Sprintf("%s: begun (%s), but there is no such file", s.Version, s.Unfinished)
		}
		return fmt.Sprintf("%s: applied%s, but there is no such file", s.Version, when)
	case StateUnfinished:
		return (&UnfinishedError{Version: s.Version, Unfinished: *s.Unfinished}).Error()
	case StateOutOfOrder:
		return fmt.Sprintf("%s: pending below a version that is already applied", s.Version)
	case StateNewer:
		return s.describeNewer(when)
	case StateApplied, StatePending, StateOutdated:
	}
	return fmt.Sprintf("%s: %s", s.Version, s.State)
}

// describeNewer describes a newer version. It does not say which program has applied it, since that is not known.
func (s Status) describeNewer(when string) string {
	switch {
	case s.Unfinished != nil && s.AppliedAt.IsZero():
		return fmt.Sprintf("%s: begun (%s), and newer than every file here", s.Version, s.Unfinished)
	case s.Version.Repeatable():
		return fmt.Sprintf("%s: applied%s with another text than here, and the history has versions newer than every file here", s.Version, when)
	}
	return fmt.Sprintf("%s: applied%s, and newer than every file here", s.Version, when)
}

// compare returns the status of each version, in order. migrations must be sorted; records need not be.
func compare(migrations []Migration, records []history.Record) []Status {
	rows := make(map[string]*history.Record, len(records))
	for i := range records {
		rows[records[i].Version] = &records[i]
	}
	statuses := make([]Status, 0, max(len(migrations), len(records)))
	for _, m := range migrations {
		s := Status{Version: m.Version, State: StatePending, Checksum: m.Checksum()}
		if row := rows[string(m.Version)]; row != nil {
			s.State, s.AppliedAt, s.Recorded = StateApplied, row.AppliedAt, row.Checksum
			if row.Checksum != "" && row.Checksum != s.Checksum {
				s.State = StateChanged
				if m.Version.Repeatable() {
					s.State = StateOutdated
				}
			}
			delete(rows, string(m.Version))
		}
		statuses = append(statuses, s)
	}
	if len(rows) > 0 {
		statuses = appendVanished(statuses, rows, migrations)
	}
	markOutOfOrder(statuses)
	markNewer(statuses)
	return statuses
}

// appendVanished adds the recorded versions that have no file any more.
func appendVanished(statuses []Status, rows map[string]*history.Record, migrations []Migration) []Status {
	pending := make(map[string]Version) // by checksum: possible new names of files that are gone
	for i := range migrations {
		m := &migrations[i]
		if statuses[i].State == StatePending && sqlfile.HasStatement(m.Up.SQL) && !m.Version.Repeatable() { // files without a statement are all alike
			pending[m.Checksum()] = m.Version
		}
	}
	for _, row := range rows {
		version := Version(row.Version)
		s := Status{Version: version, State: StateMissing, AppliedAt: row.AppliedAt, Recorded: row.Checksum}
		if to, ok := pending[row.Checksum]; ok && !version.Repeatable() {
			s.State, s.Renamed = StateRenamed, to
		} else if newer(version, migrations) {
			s.State = StateNewer
		}
		statuses = append(statuses, s)
	}
	slices.SortFunc(statuses, func(a, b Status) int { return a.Version.Compare(b.Version) })
	return statuses
}

// markOutOfOrder marks the pending versions below the newest applied one.
func markOutOfOrder(statuses []Status) {
	applied := false
	for i := len(statuses) - 1; i >= 0; i-- {
		switch {
		case statuses[i].Version.Repeatable():
		case !statuses[i].Pending():
			applied = true
		case applied:
			statuses[i].State = StateOutOfOrder
		}
	}
}

// markNewer marks changed repeatable migrations as newer if the history is newer. An old program that restarts during a
// deployment must not replace them with its older text.
func markNewer(statuses []Status) {
	if !slices.ContainsFunc(statuses, func(s Status) bool { return s.State == StateNewer }) {
		return
	}
	for i := range statuses {
		if s := &statuses[i]; s.Version.Repeatable() && (s.State == StateOutdated || s.State == StateMissing) {
			s.State = StateNewer
		}
	}
}

// newer reports whether a version is above all files.
func newer(v Version, migrations []Migration) bool {
	if v.Repeatable() {
		return false
	}
	for _, m := range slices.Backward(migrations) {
		if !m.Version.Repeatable() {
			return v.Compare(m.Version) > 0
		}
	}
	return true
}
