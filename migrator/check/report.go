package check

import (
	"encoding/json"
	"errors"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// Outcome is what became of a migration's down file.
type Outcome string

// The outcomes of a Report.
const (
	// Reversible: up, down and up again, and the catalog was each time what it had been.
	Reversible Outcome = "reversible"
	// Irreversible: there is no down file. That is no fault.
	Irreversible Outcome = "irreversible"
	// Wrong: everything ran, and the catalog was another one afterwards; Differences says where.
	Wrong Outcome = "wrong"
	// Failed: the down file, or the up file after it, did not run; Err says why.
	Failed Outcome = "failed"
)

// Step is where a trial came to its end.
type Step string

// The steps of a Report that is Wrong or Failed.
const (
	StepDown    Step = "down"
	StepUpAgain Step = "up again"
)

// Report is what was found of one migration.
type Report struct {
	Version     migrator.Version
	Outcome     Outcome
	Step        Step         // "" where nothing is wrong
	Differences []Difference // where the outcome is Wrong: at least one, objects before their parts
	Err         error        // where it is Failed: a *migrator.MigrationError, with its place, or a *migrator.FileError, where the file was refused
}

// OK reports whether there is nothing to mend.
func (r Report) OK() bool { return r.Outcome == Reversible || r.Outcome == Irreversible }

// MarshalJSON writes the report as
//
//	{"version": "002_users.sql", "outcome": "wrong", "step": "down", "differences": [{"object": "table public.users", "after": "create table …"}]}
//	{"version": "003_teams.sql", "outcome": "failed", "step": "up again", "error": {"message": "…", "path": "003_teams.sql", "line": 2, "column": 1, "state": "…"}}
//
// What is empty is left out. Fields are added, never renamed or removed.
func (r Report) MarshalJSON() ([]byte, error) {
	type failure struct {
		Message string `json:"message"`
		Path    string `json:"path,omitempty"`
		Line    int    `json:"line,omitempty"`
		Column  int    `json:"column,omitempty"`
		State   string `json:"state,omitempty"`
	}
	out := struct {
		Version     migrator.Version `json:"version"`
		Outcome     Outcome          `json:"outcome"`
		Step        Step             `json:"step,omitempty"`
		Differences []Difference     `json:"differences,omitempty"`
		Error       *failure         `json:"error,omitempty"`
	}{r.Version, r.Outcome, r.Step, r.Differences, nil}
	if r.Err != nil {
		out.Error = &failure{Message: r.Err.Error()}
		var failed *migrator.MigrationError
		var refused *migrator.FileError
		switch {
		case errors.As(r.Err, &failed):
			out.Error.Path, out.Error.Line, out.Error.Column, out.Error.State = failed.Path, failed.Line, failed.Column, failed.State
		case errors.As(r.Err, &refused):
			out.Error.Path, out.Error.Line, out.Error.Column = refused.Path, refused.Line, refused.Column
		}
	}
	return json.Marshal(out)
}
