package migrator

import (
	"errors"
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// A Change is a row of the history that is written without running a file. Repair, Baseline, MarkApplied and MarkPending make
// changes.
type Change struct {
	Before *Row `json:"before,omitempty"` // nil: there was no row
	After  *Row `json:"after,omitempty"`  // nil: the row is deleted
}

// A Row is what the database records of a version.
type Row struct {
	Version    Version     `json:"version"`
	Checksum   string      `json:"checksum,omitempty"`   // "": not known yet
	Unfinished *Unfinished `json:"unfinished,omitempty"` // how far an unfinished no-transaction file has come; nil: the file is finished
}

// inHistory reports whether the row is in the history table. An unfinished file that is being applied is only in the progress
// table.
func (r *Row) inHistory() bool {
	return r != nil && (r.Unfinished == nil || r.Unfinished.Direction == DirectionDown)
}

// version returns the version of the row that is written or deleted.
func (c *Change) version() Version {
	if c.After != nil {
		return c.After.Version
	}
	return c.Before.Version
}

// String describes the change in a few words.
func (c *Change) String() string {
	switch {
	case c.After == nil:
		return fmt.Sprintf("%s as pending", c.Before.Version)
	case c.Before != nil && c.Before.Version != c.After.Version:
		return fmt.Sprintf("%s, renamed to %s", c.Before.Version, c.After.Version)
	case c.Before == nil || c.Before.Unfinished != nil:
		return fmt.Sprintf("%s as applied", c.After.Version)
	}
	return fmt.Sprintf("%s with the checksum of its file", c.After.Version)
}

// done reports whether the history already shows the result of the change.
func (c *Change) done(h *history.History) bool {
	if c.Before != nil && (h.ProgressOf(string(c.Before.Version)) != nil || (c.After == nil || c.After.Version != c.Before.Version) && h.Has(string(c.Before.Version))) {
		return false
	}
	if c.After == nil {
		return true
	}
	row := h.Row(string(c.After.Version))
	return row != nil && row.Checksum == c.After.Checksum
}

// rowOf returns the row that the database has for a status, or nil.
func rowOf(s *Status) *Row {
	if s.State == StatePending || s.State == StateOutOfOrder {
		return nil
	}
	return &Row{Version: s.Version, Checksum: s.Recorded, Unfinished: s.Unfinished}
}

// chooseChanges turns a target that runs nothing into the rows to write.
func chooseChanges(statuses []Status, target Target) ([]Change, error) {
	switch target.kind {
	case targetRepair:
		return chooseRepair(statuses), nil
	case targetBaseline:
		return chooseBaseline(statuses, target.version)
	case targetMarkApplied, targetMarkPending:
		return chooseMarks(statuses, target)
	case targetUp, targetUpN, targetUpTo, targetDown, targetDownTo, targetRedo, targetMoves:
	}
	return nil, nil
}

// chooseRepair accepts the files as they are now.
func chooseRepair(statuses []Status) []Change {
	var changes []Change
	for i := range statuses {
		s := &statuses[i]
		switch s.State {
		case StateChanged:
			changes = append(changes, Change{rowOf(s), &Row{Version: s.Version, Checksum: s.Checksum}})
		case StateRenamed:
			changes = append(changes, Change{rowOf(s), &Row{Version: s.Renamed, Checksum: s.Recorded, Unfinished: s.Unfinished}})
		case StateApplied, StatePending, StateOutOfOrder, StateMissing, StateUnfinished, StateOutdated, StateNewer:
		}
	}
	return changes
}

// chooseBaseline records what a database without a history already has. Repeatable migrations stay pending, because running them
// does no harm.
func chooseBaseline(statuses []Status, to Version) ([]Change, error) {
	versioned := slices.DeleteFunc(slices.Clone(statuses), func(s Status) bool { return s.Version.Repeatable() })
	if len(versioned) == 0 {
		return nil, errors.New("baseline: there are no migrations")
	}
	if to == "" {
		to = versioned[len(versioned)-1].Version
	}
	to, err := findStatus(versioned, string(to))
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	var changes []Change
	var recorded int
	for i := range versioned {
		s := &versioned[i]
		row := rowOf(s)
		if s.State == StateUnfinished && s.Version.Compare(to) <= 0 {
			return nil, fmt.Errorf("baseline: %w", &UnfinishedError{Version: s.Version, Unfinished: *s.Unfinished})
		}
		if row.inHistory() {
			recorded++
		}
		if row == nil && s.Version.Compare(to) <= 0 {
			changes = append(changes, Change{nil, &Row{Version: s.Version, Checksum: s.Checksum}})
		}
	}
	if recorded > 0 && len(changes) > 0 {
		return nil, fmt.Errorf("baseline %s: the history is not empty (%d recorded), and %s is pending\nHINT: a baseline begins a history; mark single versions as applied instead", to, recorded, changes[0].After.Version)
	}
	return changes, nil
}

// chooseMarks records versions as applied or pending. It leaves out versions that are so already.
func chooseMarks(statuses []Status, target Target) ([]Change, error) {
	var changes []Change
	for _, typed := range target.versions {
		version, err := findStatus(statuses, string(typed))
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(statuses, func(s Status) bool { return s.Version == version })
		s := &statuses[i]
		before := rowOf(s)
		switch {
		case slices.ContainsFunc(changes, func(c Change) bool { return c.version() == version }):
		case target.kind == targetMarkPending && before != nil:
			changes = append(changes, Change{before, nil})
		case target.kind == targetMarkApplied && s.State == StateChanged:
			return nil, &MismatchError{Mismatches: []Status{*s}}
		case target.kind == targetMarkApplied && (s.Pending() || s.State == StateUnfinished):
			changes = append(changes, Change{before, &Row{Version: version, Checksum: s.Checksum}})
		}
	}
	return changes, nil
}
