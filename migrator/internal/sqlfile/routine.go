package sqlfile

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A Routine is what the source of a procedure or a DO does with transactions. A statement that ends them is not tried in a
// transaction: what it does before its first COMMIT outside the database, by dblink for example, would happen twice. If we fail to
// recognize one, the server refuses its COMMIT.
type Routine struct {
	Ends  bool        // it has COMMIT or ROLLBACK
	Calls []Procedure // which may have one in turn
}

// A Procedure is the procedure of a CALL, named as in the catalog.
type Procedure struct {
	Schema, Name string // Schema "": on the search_path
	Arguments    int
}

// ReadRoutine reads source code in a language of pg_language. It ignores EXECUTE, where the server refuses COMMIT.
func ReadRoutine(language, source string) (r Routine) {
	switch language {
	case "sql", "internal", "c": // these cannot commit, or have no source
		return r
	case "plpgsql":
	default: // plpy.commit(), spi_commit()
		r.Ends = sqltext.ContainsFold(source, "commit") || sqltext.ContainsFold(source, "rollback")
		return r
	}
	c := newCursor(source)
	for begins := true; len(c.tokens) > 0; { // begins: at the beginning of a statement
		switch {
		case begins && (c.take("COMMIT") || c.take("ROLLBACK")):
			r.Ends = r.Ends || c.ends() || c.at("AND")
		case begins && c.at("CALL"):
			if called, ok := c.call(); ok {
				r.Calls = append(r.Calls, called)
			}
		case begins && c.at("DO"):
			inner := c.do()
			r.Ends, r.Calls = r.Ends || inner.Ends, append(r.Calls, inner.Calls...)
		default:
			begins = c.begins()
			c.tokens = c.tokens[1:]
			continue
		}
		begins = false
	}
	return r
}

// begins reports whether a PL/pgSQL statement begins after the next token.
func (c *cursor) begins() bool {
	return c.at("BEGIN") || c.at("THEN") || c.at("ELSE") || c.at("LOOP") ||
		slices.Contains([]string{";", ">>"}, c.tokens[0].Text(c.text))
}

func (c *cursor) ends() bool { return len(c.tokens) == 0 || c.tokens[0].Kind == sqllex.Semicolon }

// call takes CALL with a name and arguments; not ok: the name is written U&"…".
func (c *cursor) call() (called Procedure, ok bool) {
	c.take("CALL")
	c.escaped = false
	name := c.name()
	if c.escaped {
		return called, false
	}
	called.Schema, called.Name = qualified(name)
	depth := 0
	for ; !c.ends(); c.tokens = c.tokens[1:] {
		switch c.tokens[0].Text(c.text) {
		case "(", "[":
			depth++
			continue
		case ")", "]":
			depth--
		case ",":
			if depth == 1 {
				called.Arguments++
			}
		}
		if called.Arguments == 0 && depth > 0 {
			called.Arguments = 1
		}
	}
	return called, true
}

// do takes a DO with its body and language, in either order.
func (c *cursor) do() Routine {
	c.take("DO")
	language, body, plain := "plpgsql", "", true
	for ; !c.ends(); c.tokens = c.tokens[1:] {
		switch text := c.tokens[0].Text(c.text); {
		case c.tokens[0].Kind == sqllex.String && body == "":
			body, plain = unquoted(text)
		case !c.at("LANGUAGE"):
			language = folded(strings.Trim(text, "'"))
		}
	}
	if !plain { // E'…', with escapes
		language = ""
	}
	return ReadRoutine(language, body)
}

// unquoted is the value of a string; not ok: it has escapes or several parts, and is returned as written.
func unquoted(literal string) (value string, ok bool) {
	if tag, rest, found := strings.Cut(strings.TrimPrefix(literal, "$"), "$"); found && literal[0] == '$' {
		return strings.TrimSuffix(rest, "$"+tag+"$"), true
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(literal, "'"), "'")
	if value = strings.ReplaceAll(inner, "''", ""); literal[0] != '\'' || strings.Contains(value, "'") {
		return literal, false
	}
	return strings.ReplaceAll(inner, "''", "'"), true
}

// endsTransactions reads a CALL or DO.
func endsTransactions(words []string, text string) Routine {
	switch c := newCursor(text); words[0] {
	case "DO":
		return c.do()
	case "CALL":
		if called, ok := c.call(); ok {
			return Routine{Calls: []Procedure{called}}
		}
	}
	return Routine{}
}
