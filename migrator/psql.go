package migrator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A problem is what is wrong at a place of a file, in bytes.
type problem struct {
	at  int
	err error
}

// withoutCommands returns the text without commands of psql, a warning for those that do no harm, and the others as problems. Dumps
// begin with \restrict and end with \unrestrict: they become comments, so that every byte and character stays where it is.
func withoutCommands(s *Script) (text string, warnings []string, problems []problem) {
	if !strings.Contains(s.SQL, `\`) {
		return s.SQL, nil, nil
	}
	var left []string
	changed := []byte(s.SQL)
	lexer := sqllex.New(s.SQL) // review reports what is wrong with the text
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		if token.Kind != sqllex.Backslash {
			continue
		}
		line := token.Text(s.SQL)
		switch command := sqllex.CommandName(line); command {
		case `\restrict`, `\unrestrict`:
			copy(changed[token.Start:], "--")
			number, _ := sqllex.Position(s.SQL, token.Start)
			left = append(left, fmt.Sprintf("%s (line %d)", command, number))
		default:
			copy(changed[token.Start:], strings.Repeat(" ", len(line)))
			problems = append(problems, problem{token.Start, s.errorAt(token.Start, sqllex.MetaCommand(line), "")})
			if command == `\copy` && copiesFromClient(strings.ReplaceAll(strings.ToLower(line[1:]), "pstdin", "stdin")) {
				return string(changed[:token.Start]), nil, problems // what follows are rows
			}
		}
	}
	if left != nil {
		warnings = []string{fmt.Sprintf("%s: what is for psql alone is left out: %s", s.Path, several(left))}
	}
	return string(changed), warnings, problems
}

// joined are the problems of a file in the order of their places, up to one of them.
func joined(problems []problem, last int) error {
	slices.SortStableFunc(problems, func(a, b problem) int { return cmp.Compare(a.at, b.at) })
	var all []error
	for _, p := range problems {
		if p.at <= last {
			all = append(all, p.err)
		}
	}
	return errors.Join(all...)
}
