package sqlfile

import (
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// withoutCommands returns the text without the commands of psql. Dumps begin with \restrict and end with \unrestrict: these become
// comments, with a warning. All other commands are problems.
func withoutCommands(sql string) (text string, warnings []string, problems []Problem) {
	if !strings.Contains(sql, `\`) {
		return sql, nil, nil
	}
	var left []string
	changed := []byte(sql)
	lexer := sqllex.New(sql) // Split reports errors in the text
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		if token.Kind != sqllex.Backslash {
			continue
		}
		line := token.Text(sql)
		switch command := sqllex.CommandName(line); command {
		case `\restrict`, `\unrestrict`:
			copy(changed[token.Start:], "--")
			number, _ := sqllex.Position(sql, token.Start)
			left = append(left, fmt.Sprintf("%s (line %d)", command, number))
		default:
			copy(changed[token.Start:], strings.Repeat(" ", len(line)))
			problems = append(problems, Problem{token.Start, sqllex.MetaCommand(line), ""})
			if command == `\copy` && copiesFromClient(strings.ReplaceAll(strings.ToLower(line[1:]), "pstdin", "stdin")) {
				return string(changed[:token.Start]), nil, problems // rows follow
			}
		}
	}
	if left != nil {
		warnings = []string{"what is for psql alone is left out: " + printable.List(left)}
	}
	return string(changed), warnings, problems
}
