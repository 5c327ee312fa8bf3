package sqlfile

import "github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"

// A replay follows which relations of a schema the statements of files create, rename and drop.
type replay struct {
	schema, user string
	made         bool            // they have created the schema
	relations    map[string]bool // those that exist
	dynamic      bool            // a DO has created a schema, so that an unqualified name may be in it
}

func (r *replay) run(c *cursor) {
	ahead := *c
	if made := ahead.madeSchema(r.user); made == r.schema {
		r.made = true
		return
	}
	switch {
	case c.at("DO"):
		r.dynamic = r.dynamic || sqltext.ContainsFold(c.text, "create schema")
	case sqltext.ContainsFold(c.text, "search_path"):
		r.dynamic = false
	case c.take("CREATE"):
		r.create(c)
	case c.take("ALTER", "SCHEMA"):
		r.made = r.made && folded(c.name()) != r.schema // a RENAME TO it is handled above
	case c.take("ALTER") && c.relationKind():
		r.alter(c)
	case c.take("DROP"):
		r.drop(c)
	}
}

func (r *replay) create(c *cursor) {
	c.take("OR", "REPLACE")
	c.take("UNLOGGED")
	c.take("RECURSIVE")
	if !c.relationKind() {
		return
	}
	c.take("IF", "NOT", "EXISTS")
	r.add(qualified(c.name()))
}

func (r *replay) alter(c *cursor) {
	c.take("IF", "EXISTS")
	schema, name := qualified(c.relation())
	c.skip("*")
	switch {
	case c.take("RENAME", "TO"):
		r.remove(schema, name)
		r.add(schema, folded(c.name()))
	case c.take("SET", "SCHEMA"):
		r.remove(schema, name)
		r.add(folded(c.name()), name)
	}
}

func (r *replay) drop(c *cursor) {
	schemas := c.take("SCHEMA")
	if !schemas && !c.relationKind() {
		return
	}
	c.take("IF", "EXISTS")
	for more := true; more; more = c.skip(",") {
		schema, name := qualified(c.name())
		switch {
		case !schemas:
			r.remove(schema, name)
		case name == r.schema:
			r.made, r.relations = false, make(map[string]bool)
		}
	}
}

func (r *replay) add(schema, name string) {
	if schema == r.schema || schema == "" && r.dynamic {
		r.relations[name] = true
	}
}

func (r *replay) remove(schema, name string) {
	if schema == r.schema || schema == "" {
		delete(r.relations, name)
	}
}

// relationKind takes the words for a kind of relation with columns.
func (c *cursor) relationKind() bool {
	return c.take("TABLE") || c.take("VIEW") || c.take("MATERIALIZED", "VIEW") || c.take("FOREIGN", "TABLE")
}
