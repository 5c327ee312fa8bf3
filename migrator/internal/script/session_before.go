package script

import (
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// This file notes the state of the session before a statement that runs in a transaction. If the file makes no settings, all
// settings except ours have the values with which the session began. Then the server need not read the list of all settings
// before the statement, and has little to compare after it.

// isBrief reports whether the state before a statement is kept without the list of all settings. The number of custom settings is
// limited because a function takes at most a hundred arguments.
func isBrief(u *sqlfile.Statement, statement string) bool {
	return len(u.Settings) == 0 && len(customSettings(statement)) <= 20
}

// noteBefore keeps the state before a statement, for coverState.
func (s Writer) noteBefore(u *sqlfile.Statement, statement string) Op {
	if !isBrief(u, statement) {
		return noteState("before", statement, true)
	}
	const keep = "    perform pg_catalog.set_config('migrator.before', "
	return Frame(sqltext.Block("  if " + noTemporary + " then\n" + keep + s.briefState(u, statement) + ", true);\n  else\n" + keep + s.ownState(u, statement) + "::pg_catalog.text, true);\n  end if;"))
}

// noTemporary is an SQL condition: the session has created nothing temporary.
const noTemporary = "pg_catalog.pg_my_temp_schema() operator(pg_catalog.=) 0::pg_catalog.oid"

// unchanged is a quick SQL condition. If it is true, the statement has changed nothing in its session. If it is false, that is
// not known.
func (s Writer) unchanged(u *sqlfile.Statement, statement string) string {
	if !isBrief(u, statement) {
		return "false"
	}
	return noTemporary + " and pg_catalog.current_setting('migrator.before', true) operator(pg_catalog.=) " + s.briefState(u, statement) +
		"\n      and not exists (select " + changedSettings + " and g.name operator(pg_catalog.<>) all (array[" + s.ownSettings(u) + "]))"
}

// briefState is ownState as text, for a session that has created nothing temporary.
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

// ownState is the state with only our own settings, with values in the form of SHOW.
func (s Writer) ownState(u *sqlfile.Statement, statement string) string {
	return stateOf("select o.name, pg_catalog.current_setting(o.name, true) from pg_catalog.unnest(array["+s.ownSettings(u)+"]) o (name)", statement)
}

// wasState is the state that noteBefore has kept, with values in the form of the list of all settings, as the variable state has
// them. If one of our settings is the same now as before in the form of SHOW, its value is taken from state.
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
