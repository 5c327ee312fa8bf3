package sqlfile

import (
	"slices"
	"strings"
	"unicode"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// HaveMade reports whether files, in their order, have created a schema that still exists, or one of the relations in it. It reads
// their statements, and is false where it cannot be sure.
func HaveMade(files []string, schema, user string, relations []string) bool {
	r := replay{schema: schema, user: user, relations: make(map[string]bool)}
	for _, sql := range files {
		statements, err := sqllex.Split(sql)
		if err != nil {
			return false
		}
		for _, s := range statements {
			r.run(newCursor(s.Text(sql)))
		}
	}
	return r.made || slices.ContainsFunc(relations, func(relation string) bool { return r.relations[relation] })
}

// MayHaveMade reports whether files may have created a schema, or one of the relations in it: it is enough that one mentions a
// relation.
func MayHaveMade(files []string, schema, user string, relations []string) bool {
	return slices.ContainsFunc(files, func(sql string) bool {
		return makesSchema(sql, schema, user) || slices.ContainsFunc(relations, func(relation string) bool { return mentions(sql, relation) })
	})
}

func makesSchema(sql, schema, user string) bool {
	if !sqltext.ContainsFold(sql, "schema") {
		return false
	}
	statements, err := sqllex.Split(sql)
	return err == nil && slices.ContainsFunc(statements, func(s sqllex.Statement) bool {
		c := newCursor(s.Text(sql))
		return c.madeSchema(user) == schema
	})
}

// madeSchema is the new name of the schema that a statement creates or renames; "" for another statement.
func (c *cursor) madeSchema(user string) string {
	switch {
	case c.take("CREATE", "SCHEMA"):
		c.take("IF", "NOT", "EXISTS")
		if c.take("AUTHORIZATION") && (c.take("CURRENT_USER") || c.take("CURRENT_ROLE") || c.take("SESSION_USER") || c.take("USER")) {
			return user
		}
		return folded(c.name())
	case c.take("ALTER", "SCHEMA"):
		c.name()
		if c.take("RENAME", "TO") {
			return folded(c.name())
		}
	}
	return ""
}

// mentions reports whether a name is a whole word of a text, which may be inside a string.
func mentions(sql, name string) bool {
	if name == "" {
		return false
	}
	sql, name = strings.ToLower(sql), strings.ToLower(name)
	for at := 0; ; at++ {
		i := strings.Index(sql[at:], name)
		if i < 0 {
			return false
		}
		at += i
		before, after := sql[:at], sql[at+len(name):]
		if !strings.ContainsFunc(before[max(0, len(before)-1):], partOfName) && !strings.ContainsFunc(after[:min(1, len(after))], partOfName) {
			return true
		}
	}
}

func partOfName(r rune) bool {
	return r == '_' || r == '$' || r >= unicode.MaxLatin1 || unicode.IsLetter(r) || unicode.IsDigit(r)
}
