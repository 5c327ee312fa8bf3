package script

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A temporary table or function that a statement has created exists until the run ends, but not if another run resumes the file.
// So it stops the file at a statement that names it. In another session it stops the file at each statement that may use it.

// refuseTemporary is the part of refuseLeft for temporary objects.
func (s Writer) refuseTemporary(move *Move, i int) string {
	return fmt.Sprintf(`    select pg_catalog.string_agg(e.key, ', '), pg_catalog.array_agg(e.key)::pg_catalog.text into names, changes
      from %[1]s p, lateral pg_catalog.jsonb_object_keys(p.session) e (key)
      where p.version operator(pg_catalog.=) %[2]s and pg_catalog.starts_with(e.key, 'pg_temp.') and (%[3]s);
    if names is not null then
      raise exception using errcode = '%[4]s', message = pg_catalog.concat('an earlier statement has left in its session what this statement would not have: ', names),
        hint = pg_catalog.format(%[5]s, changes);
    end if;
`, s.Table.Progress().SQL(), sqltext.Literal(move.Version), usesTemporary(move.File, move.File.Separate[i]), sqlstate.SessionState,
		sqltext.Literal("write the rest of the file without it, then: update "+strings.ReplaceAll(s.Table.Progress().SQL(), "%", "%%")+" set session = session - %L::text[] where version = "+
			strings.ReplaceAll(sqltext.Literal(move.Version), "%", "%%")+"; and run again"))
}

// usesTemporary is an SQL condition for a temporary object e that a statement may use.
func usesTemporary(file *sqlfile.File, u *sqlfile.Statement) string {
	named := "true" // the text is too long to search it on the server
	if text := u.Span.Text(file.Text); len(text) < 8<<10 {
		named = "pg_catalog.concat(' ', " + sqltext.Literal(withoutQualified(text)) + ", ' ') operator(pg_catalog.~*) pg_catalog.concat('[^[:alnum:]_]', pg_catalog.regexp_replace(pg_catalog.substr(e.key, 9), '[^[:alnum:]_]', '.', 'g'), '[^[:alnum:]_]')"
	}
	if u.NonTx != nil && u.NonTx.Kind != sqlfile.Opaque { // it uses only objects that it names
		return named
	}
	return named + `
        or not exists (select from pg_catalog.pg_class c where c.relnamespace operator(pg_catalog.=) pg_catalog.pg_my_temp_schema() and pg_catalog.concat('pg_temp.', c.relname) operator(pg_catalog.=) e.key
          union all select from pg_catalog.pg_proc f where f.pronamespace operator(pg_catalog.=) pg_catalog.pg_my_temp_schema() and pg_catalog.concat('pg_temp.', f.proname) operator(pg_catalog.=) e.key)`
}

// dotted matches a name that is followed by others after dots. After %, $ or & it may be a placeholder of format() or U&"…",
// which could stand for any name.
var dotted = regexp.MustCompile(`[%$&]?("[^"]*"|[\pL_][\pL\pN_]*)(?:\.(?:"[^"]*"|[\pL_][\pL\pN_]*))+`)

// withoutQualified removes names after a dot from the text of a statement: an object with a schema is not a temporary one. A text
// with pg_temp stays as it is.
func withoutQualified(text string) string {
	if strings.Contains(strings.ToLower(text), "pg_temp") {
		return text
	}
	return dotted.ReplaceAllStringFunc(text, func(name string) string {
		if strings.ContainsAny(name[:1], "%$&") {
			return name
		}
		return dotted.FindStringSubmatch(name)[1]
	})
}
