package migrator

import (
	"errors"
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A reviewed script is one that may be sent: its text holds nothing that would end the transaction around it, read the
// rest of it differently, or talk to the client.
type reviewed struct {
	script     *Script
	text       string // what is sent; as long as the file's, so that positions are the file's
	statements []sqllex.Statement
	units      []*unit // of a no-transaction file with statements; nil: the file runs in one transaction
	warnings   []string
	whole      operation // all of it
}

// operation sends some of the file's statements, or all of the file where none is given.
func (r *reviewed) operation(statements ...sqllex.Statement) operation {
	if len(statements) == 0 {
		return r.whole
	}
	start, end := statements[0].Start, statements[len(statements)-1].End
	return operation{kind: opFile, sql: r.text[start:end], file: r, offset: start, statements: statements}
}

// settings are the operations that make the settings of a unit.
func (r *reviewed) settings(u *unit) (operations []operation) {
	for _, s := range u.settings {
		operations = append(operations, r.operation(s.statement))
	}
	return operations
}

// review judges a pending file. Only pending files are judged: a history that another tool applied may contain what is
// refused here. The error joins a *FileError for each statement that is refused.
func review(s *Script) (*reviewed, error) {
	if s.Mode == Batch {
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
	if err := refuseHalves(s); err != nil {
		return nil, err
	}
	if err := refuseLateDirective(s); err != nil {
		return nil, err
	}
	text, warnings, problems := withoutCommands(s)
	statements, syntax := sqllex.Split(text)
	r := &reviewed{script: s, text: text, warnings: warnings}
	if s.Mode == Transactional && outerPair(text, statements) && syntax == nil {
		last := len(statements) - 1
		line, _ := sqllex.Position(text, statements[last].Start)
		r.text = blank(blank(text, statements[0]), statements[last])
		r.warnings = append(r.warnings, fmt.Sprintf("%s: its own BEGIN and COMMIT (line %d) are left out: each file already runs in one transaction, with its history row", s.Path, line))
		statements = statements[1:last]
	}
	if s.Mode == Transactional && syntax != nil && len(statements) > 0 && plain(statements[0].Words(text), "BEGIN|START") {
		statements = statements[1:] // it may be the first half of a pair
	}
	var buffer [sqllex.MaxWords]string
	for _, statement := range statements {
		message, hint := judge(s, statement.AppendWords(buffer[:0], text), statement.Text(text))
		if message == "" {
			continue
		}
		problems = append(problems, problem{statement.Start, s.errorAt(statement.Start, message, hint)})
		if message == copyFromClient { // what follows are rows, and not SQL
			return nil, joined(problems, statement.Start)
		}
	}
	var lexical *sqllex.Error
	if errors.As(syntax, &lexical) {
		problems = append(problems, problem{lexical.Offset, s.errorAt(lexical.Offset, lexical.Message, "")})
	}
	r.statements = statements
	r.whole = operation{kind: opFile, sql: r.text, file: r, statements: statements}
	if s.Mode == NoTransaction && len(problems) == 0 {
		r.units = units(text, statements)
	}
	return r, joined(problems, len(text))
}

// A reviewer remembers what it has reviewed: a run that plans again does not read its files again.
type reviewer struct{ files map[string]*reviewed } // by path

// expect makes room for so many files.
func (r *reviewer) expect(n int) {
	if r.files == nil {
		r.files = make(map[string]*reviewed, n)
	}
}

func (r *reviewer) review(s *Script) (*reviewed, error) {
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

// outerPair reports whether the first statement opens a plain transaction and the last one commits it.
func outerPair(sql string, statements []sqllex.Statement) bool {
	if len(statements) < 2 {
		return false
	}
	var buffer [sqllex.MaxWords]string
	return plain(statements[0].AppendWords(buffer[:0], sql), "BEGIN|START") &&
		plain(statements[len(statements)-1].AppendWords(buffer[:0], sql), "COMMIT|END")
}

// plain reports whether words are the verb alone, or with WORK or TRANSACTION: it asks for no isolation level.
func plain(words []string, verb string) bool {
	return sqllex.Matches(words, verb) &&
		(len(words) == 1 || (len(words) == 2 && sqllex.Matches(words[1:], "WORK|TRANSACTION")))
}

// blank puts spaces in the place of a statement's tokens. Comments between them stay, so that every byte and every
// character after it stays where it is.
func blank(sql string, statement sqllex.Statement) string {
	text := []byte(sql)
	for token := range statement.Tokens(sql) {
		for i := token.Start; i < token.End; i++ {
			text[i] = ' '
		}
	}
	return string(text)
}

// refuseLateDirective refuses a directive below the header, where nobody would read it.
func refuseLateDirective(s *Script) error {
	if !containsFold(s.SQL, directivePrefix) {
		return nil
	}
	header := true
	lexer := sqllex.New(s.SQL) // review reports what is wrong with the text
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		if token.Significant() {
			header = false
		} else if _, ok := directive(token.Text(s.SQL)); ok && !header {
			return s.errorAt(token.Start, "a directive below the first statement has no effect", "move it to the top of the file")
		}
	}
	return nil
}

// hasStatement reports whether the text is more than space and comments.
func (s *Script) hasStatement() bool {
	for range sqllex.Significant(s.SQL) {
		return true
	}
	return false
}
