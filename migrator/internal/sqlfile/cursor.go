package sqlfile

import (
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// folded is a name in the form of the catalog.
func folded(name string) string {
	if quoted, ok := strings.CutPrefix(name, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
	}
	return strings.ToLower(name)
}

// qualified is a qualified name in the form of the catalog; schema "": it has none.
func qualified(text string) (schema, name string) {
	for token := range sqllex.Significant(text) {
		if part := token.Text(text); part != "." {
			schema, name = name, folded(part)
		}
	}
	return schema, name
}

// A cursor walks over the tokens of a statement.
type cursor struct {
	text    string
	tokens  []sqllex.Token
	escaped bool // a name that was taken is written U&"…"
}

func newCursor(text string) *cursor {
	c := &cursor{text: text}
	for token := range sqllex.Significant(text) {
		c.tokens = append(c.tokens, token)
	}
	return c
}

func (c *cursor) at(word string) bool {
	return len(c.tokens) > 0 && c.tokens[0].Kind == sqllex.Word && strings.EqualFold(c.tokens[0].Text(c.text), word)
}

// take steps over the words if all of them come next.
func (c *cursor) take(words ...string) bool {
	ahead := *c
	for _, word := range words {
		if !ahead.at(word) {
			return false
		}
		ahead.tokens = ahead.tokens[1:]
	}
	*c = ahead
	return true
}

func (c *cursor) word() string {
	word := strings.ToUpper(c.tokens[0].Text(c.text))
	c.tokens = c.tokens[1:]
	return word
}

// relation takes the name of a table, which may be written t, ONLY t or ONLY (t).
func (c *cursor) relation() string {
	open := c.take("ONLY") && c.skip("(")
	name := c.name()
	if open {
		c.skip(")")
	}
	return name
}

// skip steps over a symbol.
func (c *cursor) skip(symbol string) bool {
	if len(c.tokens) == 0 || c.tokens[0].Text(c.text) != symbol {
		return false
	}
	c.tokens = c.tokens[1:]
	return true
}

// name takes a name with its qualifiers: a.b."C".
func (c *cursor) name() string {
	var text strings.Builder
	for len(c.tokens) > 0 {
		part := c.tokens[0].Text(c.text)
		c.escaped = c.escaped || strings.HasPrefix(part, `U&"`) || strings.HasPrefix(part, `u&"`)
		text.WriteString(part)
		c.tokens = c.tokens[1:]
		if len(c.tokens) < 2 || c.tokens[0].Text(c.text) != "." {
			break
		}
		text.WriteString(".")
		c.tokens = c.tokens[1:]
	}
	return text.String()
}

func (c *cursor) rest() string {
	if len(c.tokens) == 0 {
		return ""
	}
	return c.text[c.tokens[0].Start:]
}
