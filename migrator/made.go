package migrator

import (
	"slices"
	"strings"
	"unicode"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// made reports whether files have made a schema that is still there, or one of the relations in it. Only their statements
// tell, in the order of the files: where it is not sure, it is false.
func made(files []*Migration, schema, user string, relations []string) bool {
	r := replay{schema: schema, user: user, relations: make(map[string]bool)}
	for _, m := range slices.SortedFunc(slices.Values(files), func(a, b *Migration) int { return a.Version.Compare(b.Version) }) {
		statements, err := sqllex.Split(m.Up.SQL)
		if err != nil {
			return false
		}
		for _, s := range statements {
			r.run(newCursor(s.Text(m.Up.SQL)))
		}
	}
	return r.made || slices.ContainsFunc(relations, func(relation string) bool { return r.relations[relation] })
}

// mayHaveMade reports whether one of the files may have made a schema, or one of the relations in it: a text that mentions one
// is enough.
func mayHaveMade(files []*Migration, schema, user string, relations []string) bool {
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
