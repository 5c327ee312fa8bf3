package sqlfile

import (
	"regexp"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// NonTxKind says how to find out whether a statement that was interrupted has run.
type NonTxKind uint8

const (
	Opaque      NonTxKind = iota // nothing tells; a person decides
	Repeatable                   // run it again: that does no harm
	BuildsIndex                  // CREATE INDEX CONCURRENTLY
	Reindexes                    // REINDEX; its concurrent form leaves invalid indexes
	DropsIndex                   // DROP INDEX CONCURRENTLY
	Detaches                     // ALTER TABLE … DETACH PARTITION … CONCURRENTLY
	Finalizes                    // ALTER TABLE … DETACH PARTITION … FINALIZE
)

// NonTx describes a statement that runs outside a transaction. PostgreSQL refuses most of them inside one.
type NonTx struct {
	Kind         NonTxKind
	Database     string // nobody else may be connected to it; "": any number may
	Routine      bool   // CALL or DO, which may end transactions
	Concurrently bool   // it blocks neither reads nor writes
	IfNotExists  bool
	Unique       bool
	Index        string // BuildsIndex: the name as written; "": the server chooses
	on           int    // BuildsIndex: the offset of ON
	Rest         string // BuildsIndex: the text after the name of the table
	Names        []name // the objects that it names
	escaped      bool   // a name is written U&"…", which to_regclass does not accept
}

// A name is the name of an object, as written in the statement.
type name struct {
	Class string // INDEX, TABLE, SCHEMA; DATABASE or SYSTEM: all tables
	Text  string
}

// ReadNonTx reads a statement that cannot run in a transaction.
func ReadNonTx(text string) *NonTx {
	c := newCursor(text)
	ahead := *c
	o := c.outside()
	o.Routine = ahead.at("CALL") || ahead.at("DO")
	o.Database = ahead.database()
	o.escaped = c.escaped && len(o.Names) > 0
	return o
}

func (c *cursor) outside() *NonTx {
	switch {
	case c.take("CREATE"):
		unique := c.take("UNIQUE")
		if c.take("INDEX", "CONCURRENTLY") {
			return c.createIndex(unique)
		}
	case c.take("DROP", "INDEX", "CONCURRENTLY"):
		c.take("IF", "EXISTS")
		return &NonTx{Kind: DropsIndex, Concurrently: true, Names: []name{{"INDEX", c.name()}}}
	case c.take("REINDEX"):
		return c.reindex()
	case c.take("ALTER", "TABLE"):
		c.take("IF", "EXISTS")
		parent := c.relation()
		if c.take("DETACH", "PARTITION") {
			o := &NonTx{Kind: Detaches, Concurrently: true, Names: []name{{"TABLE", parent}, {"TABLE", c.name()}}}
			if c.at("FINALIZE") {
				o.Kind, o.Concurrently = Finalizes, false
			}
			return o
		}
	case c.take("VACUUM"):
		return &NonTx{Kind: Repeatable, Concurrently: !c.full()}
	case c.take("CLUSTER"), c.take("ALTER", "SYSTEM"), c.take("ALTER", "DATABASE"):
		return &NonTx{Kind: Repeatable}
	case c.take("ALTER", "SUBSCRIPTION"):
		if c.name(); !c.at("ADD") && !c.at("DROP") { // these fail the second time
			return &NonTx{Kind: Repeatable}
		}
	}
	return &NonTx{Kind: Opaque}
}

func (c *cursor) createIndex(unique bool) *NonTx {
	o := &NonTx{Kind: BuildsIndex, Concurrently: true, Unique: unique}
	o.IfNotExists = c.take("IF", "NOT", "EXISTS")
	if !c.at("ON") {
		o.Index = c.name()
	}
	if len(c.tokens) > 0 {
		o.on = c.tokens[0].Start
	}
	c.take("ON")
	o.Names = []name{{"TABLE", c.relation()}}
	o.Rest = c.rest()
	return o
}

func (c *cursor) reindex() *NonTx {
	o := &NonTx{Kind: Reindexes}
	for len(c.tokens) > 0 && !c.at("INDEX") && !c.at("TABLE") && !c.at("SCHEMA") && !c.at("DATABASE") && !c.at("SYSTEM") {
		o.Concurrently = o.Concurrently || c.at("CONCURRENTLY") // among the options
		c.tokens = c.tokens[1:]
	}
	if len(c.tokens) == 0 {
		return &NonTx{Kind: Opaque}
	}
	o.Concurrently = o.Concurrently && !says(c.text[:c.tokens[0].Start], "CONCURRENTLY", "FALSE", "OFF", "0")
	class := c.word()
	o.Concurrently = c.take("CONCURRENTLY") || o.Concurrently
	o.Names = []name{{class, c.name()}}
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

// named is the statement with the index name that PostgreSQL would choose.
func (o *NonTx) named(text string) string {
	var parts []string
	for token := range sqllex.Significant(o.Names[0].Text) {
		parts = []string{folded(token.Text(o.Names[0].Text))} // before it is the schema
	}
	depth, first := 0, false // first: a column or an expression begins
	for token := range sqllex.Significant(o.Rest) {
		word := token.Text(o.Rest)
		if depth == 0 && len(parts) > 1 && word != "(" && !strings.EqualFold(word, "INCLUDE") {
			break // the name has only the columns
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

// database is the database to which nobody else may be connected: the template of CREATE DATABASE, or that of DROP or ALTER DATABASE.
func (c *cursor) database() string {
	switch {
	case c.take("CREATE", "DATABASE"):
		c.name()
		for len(c.tokens) > 0 && !c.take("TEMPLATE") {
			c.tokens = c.tokens[1:]
		}
		c.skip("=")
		if len(c.tokens) == 0 || c.at("DEFAULT") {
			return "template1"
		}
	case c.take("DROP", "DATABASE"):
		c.take("IF", "EXISTS")
	case !c.take("ALTER", "DATABASE"):
		return ""
	}
	name := c.name()
	if text, quoted := strings.CutPrefix(name, "'"); quoted {
		return strings.TrimSuffix(text, "'")
	}
	return folded(name)
}
