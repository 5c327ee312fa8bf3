package migrator

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// Whether a procedure, or the text of a DO, ends transactions itself. Such a statement is not tried in a transaction: what it
// does elsewhere before its first COMMIT, by dblink say, would be done twice. What is not recognized here is tried in one, and
// the server refuses it at its COMMIT.

// A routine is what the source of a procedure, or of a DO, does about transactions.
type routine struct {
	ends  bool     // it has a COMMIT or a ROLLBACK
	calls []callee // of other procedures, which may have one
}

// A callee is what CALL names, as the catalog has it.
type callee struct {
	schema, name string // schema "": as the search_path finds it
	arguments    int
}

// readRoutine reads source in a language of the catalog. EXECUTE is no way to a COMMIT: the server refuses it there.
func readRoutine(language, source string) (r routine) {
	switch language {
	case "sql", "internal", "c": // of which the source shows nothing, or which cannot commit
		return r
	case "plpgsql":
	default: // plpy.commit(), spi_commit()
		r.ends = containsFold(source, "commit") || containsFold(source, "rollback")
		return r
	}
	c := newCursor(source)
	for begins := true; len(c.tokens) > 0; { // begins: a statement does
		switch {
		case begins && (c.take("COMMIT") || c.take("ROLLBACK")):
			r.ends = r.ends || c.ends() || c.at("AND")
		case begins && c.at("CALL"):
			if called, ok := c.call(); ok {
				r.calls = append(r.calls, called)
			}
		case begins && c.at("DO"):
			inner := c.do()
			r.ends, r.calls = r.ends || inner.ends, append(r.calls, inner.calls...)
		default:
			begins = c.begins()
			c.tokens = c.tokens[1:]
			continue
		}
		begins = false
	}
	return r
}

// begins reports whether a statement of PL/pgSQL begins after the next token.
func (c *cursor) begins() bool {
	return c.at("BEGIN") || c.at("THEN") || c.at("ELSE") || c.at("LOOP") ||
		slices.Contains([]string{";", ">>"}, c.tokens[0].Text(c.text))
}

func (c *cursor) ends() bool { return len(c.tokens) == 0 || c.tokens[0].Kind == sqllex.Semicolon }

// call takes CALL with a name and arguments; not ok: the name is one that is not read here.
func (c *cursor) call() (called callee, ok bool) {
	c.take("CALL")
	c.escaped = false
	name := c.name()
	if c.escaped {
		return called, false
	}
	called.schema, called.name = qualified(name)
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
				called.arguments++
			}
		}
		if called.arguments == 0 && depth > 0 {
			called.arguments = 1
		}
	}
	return called, true
}

// do takes a DO: its text and its language, in either order.
func (c *cursor) do() routine {
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
	if !plain { // E'…': what is escaped in it is not read here
		language = ""
	}
	return readRoutine(language, body)
}

// unquoted is the value of a string; not ok: it has escapes, or parts, and is returned as it is written.
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

// endsItself reads a statement: whether it ends transactions itself, as far as its own text says, and which procedures it calls.
func endsItself(words []string, text string) routine {
	switch c := newCursor(text); words[0] {
	case "DO":
		return c.do()
	case "CALL":
		if called, ok := c.call(); ok {
			return routine{calls: []callee{called}}
		}
	}
	return routine{}
}
