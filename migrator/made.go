package migrator

import (
	"slices"
	"strings"
	"unicode"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// made reports whether one of the files has made a schema, or one of the relations in it.
func made(files []*Migration, schema, user string, relations []string) bool {
	return slices.ContainsFunc(files, func(m *Migration) bool {
		return makesSchema(m.Up.SQL, schema, user) || slices.ContainsFunc(relations, func(relation string) bool { return mentions(m.Up.SQL, relation) })
	})
}

func makesSchema(sql, schema, user string) bool {
	if !containsFold(sql, "schema") {
		return false
	}
	statements, err := sqllex.Split(sql)
	return err == nil && slices.ContainsFunc(statements, func(s sqllex.Statement) bool {
		c := newCursor(s.Text(sql))
		return c.madeSchema(user) == schema
	})
}

// madeSchema is the name of the schema that a statement creates or renames; "" where it does neither.
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

// mentions reports whether a text has a name in it, as a word of its own: in a statement, or in a string that is executed.
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
