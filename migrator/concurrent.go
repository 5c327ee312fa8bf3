package migrator

import (
	"regexp"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// outsideKind says how a statement that was cut off is settled.
type outsideKind uint8

const (
	opaque      outsideKind = iota // nobody can tell what became of it
	repeatable                     // to run it again does no harm
	buildsIndex                    // CREATE INDEX CONCURRENTLY
	reindexes                      // REINDEX, of which the concurrent form leaves invalid indexes
	dropsIndex                     // DROP INDEX CONCURRENTLY
	detaches                       // ALTER TABLE … DETACH PARTITION … CONCURRENTLY
	finalizes                      // ALTER TABLE … DETACH PARTITION … FINALIZE
)

// outside describes a statement that runs outside a transaction: most of them PostgreSQL refuses inside one.
type outside struct {
	kind         outsideKind
	database     string // to which nobody else may be connected; "": it is about none
	routine      bool   // CALL or DO, which may end transactions itself
	concurrently bool   // it keeps neither readers nor writers of a table away
	ifNotExists  bool
	unique       bool
	index        string // buildsIndex: as it is written; "" when the statement leaves it to the server
	on           int    // buildsIndex: where ON stands
	rest         string // buildsIndex: what follows the table's name
	names        []name // what it is about
	escaped      bool   // a name is written U&"…", which to_regclass does not read
}

// A name is an object's, as it is written in the statement.
type name struct {
	class string // INDEX, TABLE, SCHEMA; DATABASE or SYSTEM: all tables
	text  string
}

// newOutside reads a statement of the list in refusesTransaction, or one that the server has found to be of that kind.
func newOutside(text string) *outside {
	c := newCursor(text)
	ahead := *c
	o := c.outside()
	o.routine = ahead.at("CALL") || ahead.at("DO")
	o.database = ahead.database()
	o.escaped = c.escaped && len(o.names) > 0
	return o
}

func (c *cursor) outside() *outside {
	switch {
	case c.take("CREATE"):
		unique := c.take("UNIQUE")
		if c.take("INDEX", "CONCURRENTLY") {
			return c.createIndex(unique)
		}
	case c.take("DROP", "INDEX", "CONCURRENTLY"):
		c.take("IF", "EXISTS")
		return &outside{kind: dropsIndex, concurrently: true, names: []name{{"INDEX", c.name()}}}
	case c.take("REINDEX"):
		return c.reindex()
	case c.take("ALTER", "TABLE"):
		c.take("IF", "EXISTS")
		parent := c.relation()
		if c.take("DETACH", "PARTITION") {
			o := &outside{kind: detaches, concurrently: true, names: []name{{"TABLE", parent}, {"TABLE", c.name()}}}
			if c.at("FINALIZE") {
				o.kind, o.concurrently = finalizes, false
			}
			return o
		}
	case c.take("VACUUM"):
		return &outside{kind: repeatable, concurrently: !c.full()}
	case c.take("CLUSTER"), c.take("ALTER", "SYSTEM"), c.take("ALTER", "DATABASE"):
		return &outside{kind: repeatable}
	case c.take("ALTER", "SUBSCRIPTION"):
		if c.name(); !c.at("ADD") && !c.at("DROP") { // which fail the second time
			return &outside{kind: repeatable}
		}
	}
	return &outside{kind: opaque}
}

func (c *cursor) createIndex(unique bool) *outside {
	o := &outside{kind: buildsIndex, concurrently: true, unique: unique}
	o.ifNotExists = c.take("IF", "NOT", "EXISTS")
	if !c.at("ON") {
		o.index = c.name()
	}
	if len(c.tokens) > 0 {
		o.on = c.tokens[0].Start
	}
	c.take("ON")
	o.names = []name{{"TABLE", c.relation()}}
	o.rest = c.rest()
	return o
}

func (c *cursor) reindex() *outside {
	o := &outside{kind: reindexes}
	for len(c.tokens) > 0 && !c.at("INDEX") && !c.at("TABLE") && !c.at("SCHEMA") && !c.at("DATABASE") && !c.at("SYSTEM") {
		o.concurrently = o.concurrently || c.at("CONCURRENTLY") // among the options
		c.tokens = c.tokens[1:]
	}
	if len(c.tokens) == 0 {
		return &outside{kind: opaque}
	}
	o.concurrently = o.concurrently && !says(c.text[:c.tokens[0].Start], "CONCURRENTLY", "FALSE", "OFF", "0")
	class := c.word()
	o.concurrently = c.take("CONCURRENTLY") || o.concurrently
	o.names = []name{{class, c.name()}}
	return o
}

// full reports whether the options of a VACUUM ask for a new copy of the table.
func (c *cursor) full() bool {
	if !c.skip("(") {
		return c.at("FULL")
	}
	for len(c.tokens) > 0 && !c.at("FULL") && c.tokens[0].Text(c.text) != ")" {
		c.tokens = c.tokens[1:]
	}
	return c.at("FULL") && !says(c.text, "FULL", "FALSE", "OFF", "0")
}

// named is the statement with the name for its index that PostgreSQL would choose: one that has none in the file could not
// be found again after a crash.
func (o *outside) named(text string) string {
	var parts []string
	for token := range sqllex.Significant(o.names[0].text) {
		parts = []string{folded(token.Text(o.names[0].text))} // what stands before it is the schema
	}
	depth, first := 0, false // first: a column or an expression begins
	for token := range sqllex.Significant(o.rest) {
		word := token.Text(o.rest)
		if depth == 0 && len(parts) > 1 && word != "(" && !strings.EqualFold(word, "INCLUDE") {
			break // what follows the columns has no part in it
		}
		switch {
		case !first:
		case word == "(":
			parts = append(parts, "expr")
		default:
			parts = append(parts, folded(word))
		}
		switch word {
		case "(":
			depth++
		case ")":
			depth--
		}
		first = depth == 1 && (word == "(" || word == ",")
	}
	index := strings.Join(append(parts, "idx"), "_")
	if !bareName.MatchString(index) {
		index = sqltext.Ident(index)
	}
	return text[:o.on] + index + " " + text[o.on:]
}

var bareName = regexp.MustCompile(`^[a-z_][a-z0-9_$]*$`)

// folded is a name as the catalog has it.
func folded(name string) string {
	if quoted, ok := strings.CutPrefix(name, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
	}
	return strings.ToLower(name)
}

// qualified is a name as the catalog has it; schema "": it is written without one.
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
	escaped bool // a name that it has taken is
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

// take steps over the words if they are what comes next, and all of them are.
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

// relation takes a table's name as t, ONLY t or ONLY (t).
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
