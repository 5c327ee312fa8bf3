package migrator

import (
	"errors"
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// review refuses or accepts a pending file. Applied files are not reviewed, because a history that another tool applied may
// contain what is refused here. The error joins a *FileError for each problem.
func review(s *Script) (*sqlfile.File, error) {
	if s.Mode == batchMode {
		return nil, &FileError{
			Path: s.Path, Message: fmt.Sprintf("asks for %s mode, which this version cannot run yet", s.Mode),
			Hint: "run it with psql, and mark it as applied",
		}
	}
	if s.Mode == NoTransaction && Version(s.Path).Repeatable() {
		return nil, &FileError{
			Path: s.Path, Message: "a repeatable migration runs in a transaction",
			Hint: "put what cannot into a versioned file",
		}
	}
	file, problems := sqlfile.Parse(s.Path, s.SQL, s.Mode == NoTransaction)
	var all []error
	for _, p := range problems {
		all = append(all, s.errorAt(p.Offset, p.Message, p.Hint))
	}
	return file, errors.Join(all...)
}

// A reviewer remembers the files that it has reviewed, so a run that plans again does not parse them again.
type reviewer struct{ files map[string]*sqlfile.File } // by path

// expect makes room for n files.
func (r *reviewer) expect(n int) {
	if r.files == nil {
		r.files = make(map[string]*sqlfile.File, n)
	}
}

func (r *reviewer) review(s *Script) (*sqlfile.File, error) {
	if file := r.files[s.Path]; file != nil {
		return file, nil
	}
	r.expect(1)
	file, err := review(s)
	if err == nil {
		r.files[s.Path] = file
	}
	return file, err
}

// warningsOf returns the warnings about a file, each with the path.
func warningsOf(s *Script, file *sqlfile.File) (warnings []string) {
	for _, warning := range file.Warnings {
		warnings = append(warnings, s.Path+": "+warning)
	}
	return warnings
}
