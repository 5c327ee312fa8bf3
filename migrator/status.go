package migrator

import (
	"fmt"
	"slices"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// State is what files and history together say of a version.
type State string

// The states of a Status.
const (
	// StateApplied: applied, and the file is as it was then (or its checksum is not known yet).
	StateApplied State = "applied"
	// StatePending: not applied, and above all that is.
	StatePending State = "pending"
	// StateOutOfOrder: not applied, but a higher version is: two branches were merged. It will be applied.
	StateOutOfOrder State = "out of order"
	// StateChanged: applied, and its file was changed since.
	StateChanged State = "changed"
	// StateMissing: applied, and there is no such file any more.
	StateMissing State = "missing"
	// StateRenamed: applied, gone, and a pending file (Renamed) has the same text.
	StateRenamed State = "renamed"
	// StateUnfinished: a no-transaction file of which some statements have run, and not all; Unfinished says which. The
	// next run goes on with it.
	StateUnfinished State = "unfinished"
	// StateOutdated: a repeatable migration whose file has changed since it was applied. The next run applies it again.
	StateOutdated State = "outdated"
	// StateNewer: applied, and above all that there are files for. This is fine where a program with newer files has applied it;
	// a newest file that was deleted looks the same. A repeatable migration is newer where its recorded text is not this
	// program's, and another version is newer.
	StateNewer State = "newer"
)

// Status is what files and history say of one version.
type Status struct {
	Version   Version   `json:"version"`
	State     State     `json:"state"`
	AppliedAt time.Time `json:"applied_at,omitzero"`         // UTC; zero when pending or not recorded
	Checksum  string    `json:"checksum,omitempty"`          // of the file
	Recorded  string    `json:"recorded_checksum,omitempty"` // in the history; "" when not known yet
	Renamed   Version   `json:"renamed_to,omitempty"`        // the pending file with the same text

	Unfinished *Unfinished `json:"unfinished,omitempty"` // how far a no-transaction file has come
}

// Pending reports whether the next run would apply it.
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

// describeNewer says what is known of a version that is newer: not who has applied it.
func (s Status) describeNewer(when string) string {
	switch {
	case s.Unfinished != nil && s.AppliedAt.IsZero():
		return fmt.Sprintf("%s: begun (%s), and newer than every file here", s.Version, s.Unfinished)
	case s.Version.Repeatable():
		return fmt.Sprintf("%s: applied%s with another text than here, and the history has versions newer than every file here", s.Version, when)
	}
	return fmt.Sprintf("%s: applied%s, and newer than every file here", s.Version, when)
}

// compare sets files against history, in the order of their versions. Migrations are sorted, records need not be.
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

// appendVanished adds what is recorded and has no file any more.
func appendVanished(statuses []Status, rows map[string]*history.Record, migrations []Migration) []Status {
	pending := make(map[string]Version) // by checksum: what a vanished file may be called now
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

// markOutOfOrder turns pending into out of order below the newest applied version.
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

// markNewer takes repeatable migrations that are not as this program has them for newer where the history is: an old
// program that starts again during a deployment must not put its older text in their place.
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

// newer reports whether a version is above all that there are files for.
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
