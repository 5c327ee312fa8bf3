// Package sqlfile reads one migration file: its directives, its statements, and what must not run.
package sqlfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A File is one that may be sent. Nothing in it ends the transaction around it, changes how the rest is read, or talks to the client.
type File struct {
	SQL        string // the text of the file
	Text       string // what is sent: the same length, so that positions stay
	Statements []sqllex.Statement
	Separate   []*Statement // the statements of a no-transaction file; nil: the file runs in one transaction
	Warnings   []string
}

// Parse reads a file. It returns what is wrong with it, in the order of the places; then the File is of no use.
func Parse(name, sql string, noTransaction bool) (*File, []Problem) {
	if p := refuseHalves(name, sql); p != nil {
		return nil, []Problem{*p}
	}
	if p := refuseLateDirective(sql); p != nil {
		return nil, []Problem{*p}
	}
	text, warnings, problems := withoutCommands(sql)
	statements, syntax := sqllex.Split(text)
	f := &File{SQL: sql, Text: text, Warnings: warnings}
	if !noTransaction && outerPair(text, statements) && syntax == nil {
		last := len(statements) - 1
		line, _ := sqllex.Position(text, statements[last].Start)
		f.Text = blank(blank(text, statements[0]), statements[last])
		f.Warnings = append(f.Warnings, fmt.Sprintf("its own BEGIN and COMMIT (line %d) are left out: each file already runs in one transaction, with its history row", line))
		statements = statements[1:last]
	}
	if !noTransaction && syntax != nil && len(statements) > 0 && plain(statements[0].Words(text), "BEGIN|START") {
		statements = statements[1:] // it may be the first half of a pair
	}
	var buffer [sqllex.MaxWords]string
	for _, statement := range statements {
		message, hint := refuse(noTransaction, statement.AppendWords(buffer[:0], text), statement.Text(text))
		if message == "" {
			continue
		}
		problems = append(problems, Problem{statement.Start, message, hint})
		if message == copyFromClient { // what follows are rows, and not SQL
			return nil, inOrder(problems, statement.Start)
		}
	}
	var lexical *sqllex.Error
	if errors.As(syntax, &lexical) {
		problems = append(problems, Problem{lexical.Offset, lexical.Message, ""})
	}
	f.Statements = statements
	if noTransaction && len(problems) == 0 {
		f.Separate = Separate(text, statements)
	}
	return f, inOrder(problems, len(text))
}

// A Problem is what is wrong at one place of a file, and what to do about it.
type Problem struct {
	Offset        int // in bytes
	Message, Hint string
}

// inOrder sorts problems by place, and drops those after the last offset.
func inOrder(problems []Problem, last int) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Offset, b.Offset) })
	return slices.DeleteFunc(problems, func(p Problem) bool { return p.Offset > last })
}

// outerPair reports whether the first statement opens a plain transaction and the last one commits it.
func outerPair(sql string, statements []sqllex.Statement) bool {
	if len(statements) < 2 {
		return false
	}
	var buffer [sqllex.MaxWords]string
	return plain(statements[0].AppendWords(buffer[:0], sql), "BEGIN|START") &&
		plain(statements[len(statements)-1].AppendWords(buffer[:0], sql), "COMMIT|END")
}

// plain reports whether a statement is the verb alone, or with WORK or TRANSACTION, and so sets no isolation level.
func plain(words []string, verb string) bool {
	return sqllex.Matches(words, verb) &&
		(len(words) == 1 || (len(words) == 2 && sqllex.Matches(words[1:], "WORK|TRANSACTION")))
}

// blank replaces the tokens of a statement with spaces. Every byte and character after it stays in its place.
func blank(sql string, statement sqllex.Statement) string {
	text := []byte(sql)
	for token := range statement.Tokens(sql) {
		for i := token.Start; i < token.End; i++ {
			text[i] = ' '
		}
	}
	return string(text)
}

// refuseLateDirective refuses a directive below the header, which would be ignored.
func refuseLateDirective(sql string) *Problem {
	if !sqltext.ContainsFold(sql, directivePrefix) {
		return nil
	}
	header := true
	lexer := sqllex.New(sql) // Split reports errors in the text
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		if token.Significant() {
			header = false
		} else if _, ok := directive(token.Text(sql)); ok && !header {
			return &Problem{token.Start, "a directive below the first statement has no effect", "move it to the top of the file"}
		}
	}
	return nil
}

// HasStatement reports whether a text has more than white space and comments.
func HasStatement(sql string) bool {
	for range sqllex.Significant(sql) {
		return true
	}
	return false
}

// SpeaksOf reports whether one of the words, given in lower case, is anywhere in the file.
func (f *File) SpeaksOf(words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return sqltext.ContainsFold(f.SQL, word) })
}

// MakesCitus reports whether the file creates the extension citus. What comes after it is sent in another way.
func (f *File) MakesCitus() bool {
	if !f.SpeaksOf("citus") {
		return false
	}
	for _, statement := range f.Statements {
		if words := statement.Words(f.Text); sqllex.Matches(words, "CREATE", "EXTENSION") && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, "citus") }) {
			return true
		}
	}
	return false
}
