package script

import (
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// What the session's state is before a statement of a transaction. Where the file sets nothing, all settings but our own are those
// that the session began with: the list of all need not be read before the statement, and little has to be compared after it.

// brief reports whether the state before a statement is kept without the list of all settings. A call of a function takes a
// hundred arguments.
func isBrief(u *sqlfile.Statement, statement string) bool {
	return len(u.Settings) == 0 && len(customSettings(statement)) <= 20
}

// noteBefore keeps the state before a statement.
func (s Writer) noteBefore(u *sqlfile.Statement, statement string) Op {
	if !isBrief(u, statement) {
		return noteState("before", statement, true)
	}
	const keep = "    perform pg_catalog.set_config('migrator.before', "
	return Frame(sqltext.Block("  if " + noTemporary + " then\n" + keep + s.briefState(u, statement) + ", true);\n  else\n" + keep + s.ownState(u, statement) + "::pg_catalog.text, true);\n  end if;"))
}

// noTemporary is a condition for a session that has made nothing temporary.
const noTemporary = "pg_catalog.pg_my_temp_schema() operator(pg_catalog.=) 0::pg_catalog.oid"

// unchanged is a condition that tells quickly that a statement has changed nothing in its session; it may be false for nothing.
func (s Writer) unchanged(u *sqlfile.Statement, statement string) string {
	if !isBrief(u, statement) {
		return "false"
	}
	return noTemporary + " and pg_catalog.current_setting('migrator.before', true) operator(pg_catalog.=) " + s.briefState(u, statement) +
		"\n      and not exists (select " + changedSettings + " and g.name operator(pg_catalog.<>) all (array[" + s.ownSettings(u) + "]))"
}

// briefState is ownState as text, where there is nothing temporary.
func (s Writer) briefState(u *sqlfile.Statement, statement string) string {
	pairs := []string{"'role', pg_catalog.current_setting('role')", "'session_authorization', session_user::pg_catalog.text"}
	for _, name := range s.ownNames(u) {
		pairs = append(pairs, sqltext.Literal(name)+", pg_catalog.current_setting("+sqltext.Literal(name)+", true)")
	}
	for _, name := range customSettings(statement) {
		value := "pg_catalog.current_setting(" + sqltext.Literal(name) + ", true)"
		pairs = append(pairs, sqltext.Literal(name)+", case when pg_catalog.length("+value+") operator(pg_catalog.>) 0 then "+value+" end")
	}
	return "pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(" + strings.Join(pairs, ", ") + "))::pg_catalog.text"
}

// ownState is the state with our own settings alone, in the form of SHOW.
func (s Writer) ownState(u *sqlfile.Statement, statement string) string {
	return stateOf("select o.name, pg_catalog.current_setting(o.name, true) from pg_catalog.unnest(array["+s.ownSettings(u)+"]) o (name)", statement)
}

// wasState is what noteBefore has kept, in the form of the list of all settings, which state has: what is the same now as then is
// the same in both forms.
func (s Writer) wasState(u *sqlfile.Statement, statement string) string {
	if !isBrief(u, statement) {
		return noted("before")
	}
	own := "array[" + s.ownSettings(u) + "]::pg_catalog.text[]"
	return fmt.Sprintf(`(select (b.before operator(pg_catalog.-) %[1]s) operator(pg_catalog.||) coalesce((select pg_catalog.jsonb_object_agg(k.name, state operator(pg_catalog.->) k.name)
    from pg_catalog.unnest(%[1]s) k (name)
    where pg_catalog.jsonb_exists(state, k.name) and coalesce(b.before operator(pg_catalog.->) k.name, 'null') operator(pg_catalog.=) coalesce(b.now operator(pg_catalog.->) k.name, 'null')), '{}')
    from (select %[2]s, %[3]s) b (before, now))`, own, noted("before"), s.ownState(u, statement))
}
