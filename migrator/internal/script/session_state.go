package script

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A statement of a no-transaction file may change its session in ways that its text does not show, for example by set_config in a
// DO block or a function, or by a temporary table. In psql later statements would see that. Here each statement begins with the
// settings that the file itself makes, so that a run that resumes the file after a crash has the same ones. So the record keeps
// everything else that a statement has left in its session, and the file stops at the next statement.
//
// In a transaction SET LOCAL looks like SET, and a table with ON COMMIT DROP looks like any other. So the transaction of the
// statement records all changes, and a second one finds out after the commit which of them have outlived the first.

// changedSettings is an SQL FROM and WHERE for the settings g that the session has changed, in the server's list of all settings.
const changedSettings = "from pg_catalog.pg_settings g where g.source operator(pg_catalog.=) 'session' and g.setting operator(pg_catalog.<>) g.reset_val"

// stateSQL is an SQL expression for everything that a session has changed since it began, as JSON. Reading the list of all
// settings takes the server a millisecond.
func stateSQL(statement string) string {
	return stateOf("select g.name, g.setting "+changedSettings, statement)
}

// stateOf adds the rest of the state to a query for settings: the role, temporary objects, and custom settings, which the
// server's list does not have. Of the custom settings only those count that the statement names.
func stateOf(settings, statement string) string {
	var b strings.Builder
	for _, name := range customSettings(statement) {
		fmt.Fprintf(&b, "\n  union all select %[1]s, pg_catalog.current_setting(%[1]s, true)", sqltext.Literal(name))
	}
	// Most sessions have no temporary schema.
	const temporary = "pg_catalog.pg_my_temp_schema() operator(pg_catalog.<>) 0::pg_catalog.oid and "
	return `(select pg_catalog.jsonb_object_agg(s.name, s.value) from (
  ` + settings + `
  union all select 'role', pg_catalog.current_setting('role')
  union all select 'session_authorization', session_user::pg_catalog.text
  union all select pg_catalog.concat('pg_temp.', c.relname), '' from pg_catalog.pg_class c
    where ` + temporary + `c.relnamespace operator(pg_catalog.=) pg_catalog.pg_my_temp_schema() and c.relkind operator(pg_catalog.=) any (array['r', 'p', 'v', 'S']::pg_catalog."char"[])
  union all select pg_catalog.concat('pg_temp.', f.proname), '' from pg_catalog.pg_proc f
    where ` + temporary + `f.pronamespace operator(pg_catalog.=) pg_catalog.pg_my_temp_schema()` +
		b.String() + `) s (name, value)
  where pg_catalog.length(s.value) operator(pg_catalog.>) 0 or s.name operator(pg_catalog.=) 'search_path' or pg_catalog.starts_with(s.name, 'pg_temp.'))`
}

// customSetting matches the name of a custom setting, which has a dot, after SET or set_config.
var customSetting = regexp.MustCompile(`(?i)\bset(?:_config\s*\(\s*e?'|\s+(?:session\s+)?)("?[a-z_][\w$]*"?(?:\s*\.\s*"?[a-z_][\w$]*"?)+)`)

// unwritten removes quotes and white space from a name.
var unwritten = strings.NewReplacer(`"`, "", " ", "", "\t", "", "\n", "")

// customSettings returns the names of the custom settings that a statement may set.
func customSettings(statement string) (names []string) {
	for _, found := range customSetting.FindAllStringSubmatch(statement, -1) {
		if name := unwritten.Replace(strings.ToLower(found[1])); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// noteState keeps the session's state in the setting migrator.<name> until a RESET ALL or, if local, until the end of the
// transaction.
func noteState(name, statement string, local bool) Op {
	return Frame(fmt.Sprintf("select pg_catalog.set_config('migrator.%s', %s::pg_catalog.text, %t)", name, stateSQL(statement), local))
}

// noted is an SQL expression for a state that was kept.
func noted(name string) string {
	return "pg_catalog.current_setting('migrator." + name + "')::pg_catalog.jsonb"
}

// differenceSQL is an SQL expression for the entries that differ in two states, with their values in the second one; {} for none.
func differenceSQL(before, after string) string {
	return fmt.Sprintf(`coalesce((select pg_catalog.jsonb_object_agg(k.name, v.after operator(pg_catalog.->) k.name)
    from (select %s, %s) v (before, after), lateral pg_catalog.jsonb_object_keys(v.before operator(pg_catalog.||) v.after) k (name)
    where coalesce(v.before operator(pg_catalog.->) k.name, 'null') operator(pg_catalog.<>) coalesce(v.after operator(pg_catalog.->) k.name, 'null')), '{}')`, before, after)
}

// cutOff and unknown are entries with an empty name, in the state that a record keeps.
const (
	cutOff  = `'{"": "cut off"}'::pg_catalog.jsonb` // it is not known yet which changes outlive the transaction
	unknown = UnknownText + "::pg_catalog.jsonb"    // it is not known what the statement has changed

	// UnknownText is unknown as an SQL string, for a hint to a person who settles a statement by hand.
	UnknownText = `'{"": "unknown"}'`
)

// coverState records what a statement has changed in its session. To write the record it returns to our own role, by SET LOCAL: a
// RESET would also undo a role that is to outlive the commit.
func (s Writer) coverState(move *Move, u *sqlfile.Statement, statement string) []Op {
	user := "  if pg_catalog.jsonb_exists(changed, 'session_authorization') then\n    set local session authorization default;\n  end if;\n"
	if setsFor(u, sqlfile.SessionUser) {
		user = "  set local session authorization default;\n"
	}
	return []Op{Frame(sqltext.Block(fmt.Sprintf(`  declare state pg_catalog.jsonb; was pg_catalog.jsonb; changed pg_catalog.jsonb := '{}'; begin
  if not (%s) then
    state := %s;
    was := case when pg_catalog.length(pg_catalog.current_setting('migrator.before', true)) operator(pg_catalog.>) 0 then %s else %s end;
    changed := %s;
  end if;
%s  set local role to default;
  if changed operator(pg_catalog.<>) '{}'::pg_catalog.jsonb then
    perform pg_catalog.set_config('migrator.expected', (was operator(pg_catalog.-) array[%s]::pg_catalog.text[])::pg_catalog.text, false);
    update %s set session = session operator(pg_catalog.||) changed operator(pg_catalog.||) %s where version operator(pg_catalog.=) %s;
  end if;
  end;`, s.unchanged(u, statement), stateSQL(statement), s.wasState(u, statement), stateBeforeReset(u), differenceSQL("was", "state"), user, s.ownSettings(u), s.Table.Progress().SQL(), cutOff, sqltext.Literal(move.Version))))}
}

// stateBeforeReset is the state before a statement that has run RESET ALL, which also erased the note of that state. It assumes
// that each setting of the file had another value than its default, and that all other settings were at their defaults.
func stateBeforeReset(u *sqlfile.Statement) string {
	var set []string
	for _, s := range u.Settings {
		if s.Name != "" && s.Name != sqlfile.RoleSetting && s.Name != sqlfile.SessionUser {
			set = append(set, sqltext.Literal(s.Name))
		}
	}
	return "(select pg_catalog.jsonb_object_agg(e.key, e.value) from pg_catalog.jsonb_each(state) e where e.key operator(pg_catalog.=) any (array['role', 'session_authorization']) or pg_catalog.starts_with(e.key, 'pg_temp.')) operator(pg_catalog.||) coalesce((select pg_catalog.jsonb_object_agg(n.name, 'set') from pg_catalog.unnest(array[" +
		strings.Join(set, ", ") + "]::pg_catalog.text[]) n (name)), '{}')"
}

// ownSettings returns ownNames as SQL strings, separated by commas.
func (s Writer) ownSettings(u *sqlfile.Statement) string {
	var names []string
	for _, name := range s.ownNames(u) {
		names = append(names, sqltext.Literal(name))
	}
	return strings.Join(names, ", ")
}

// ownNames returns the names of the settings that we make for the transaction and the file does not.
func (s Writer) ownNames(u *sqlfile.Statement) []string {
	names := []string{"transaction_isolation", "transaction_read_only", "transaction_deferrable"}
	for _, setting := range slices.Concat(s.ours("-"), Idle()) {
		if !setsFor(u, setting.name) && !slices.Contains(names, setting.name) {
			names = append(names, setting.name)
		}
	}
	return names
}

// setsFor reports whether a setting of the file is in force for a statement.
func setsFor(u *sqlfile.Statement, name string) bool {
	return slices.ContainsFunc(u.Settings, func(s sqlfile.Setting) bool { return s.Name == name })
}

// findState finds out, after the commit, which of the recorded changes have outlived it, and records only those.
func (s Writer) findState(move *Move, statement string) []Op {
	update := fmt.Sprintf(`update %s as p set session = coalesce((
  select pg_catalog.jsonb_object_agg(k.name, v.now operator(pg_catalog.->) k.name)
  from (select %s, %s) v (expected, now), lateral pg_catalog.jsonb_object_keys(p.session operator(pg_catalog.-) ''::pg_catalog.text) k (name)
  where case when pg_catalog.starts_with(k.name, 'pg_temp.') then pg_catalog.jsonb_exists(v.now, k.name)
    else coalesce(v.expected operator(pg_catalog.->) k.name, 'null') operator(pg_catalog.<>) coalesce(v.now operator(pg_catalog.->) k.name, 'null') end), '{}')
where p.version operator(pg_catalog.=) %s and pg_catalog.jsonb_exists(p.session, '')`, s.Table.Progress().SQL(), noted("expected"), noted("left"), sqltext.Literal(move.Version))
	// If this is false, the statement has changed nothing.
	const found = "pg_catalog.length(pg_catalog.current_setting('migrator.expected', true)) operator(pg_catalog.>) 0"
	note := "  if " + found + " then\n    perform pg_catalog.set_config('migrator.left', " + stateSQL(statement) + "::pg_catalog.text, false);\n  end if;"
	return []Op{
		clean("begin read write"), // the statement may have left default_transaction_read_only = on
		clean(sqltext.Block(note)), clean("reset session authorization"), clean("reset role"), clean(sqltext.Block("  if " + found + " then\n    " + update + ";\n  end if;")),
		clean("commit"),
	}
}

// recordState records what a statement outside a transaction has left in its session. The session still has the notes of the
// state before and after the statement. If they are gone, it records unknown.
func (s Writer) recordState(move *Move) Op {
	return Op{Kind: OpClaim, SQL: fmt.Sprintf(`update %s set session = session operator(pg_catalog.||) case
  when pg_catalog.length(pg_catalog.current_setting('migrator.before', true)) operator(pg_catalog.>) 0 and pg_catalog.length(pg_catalog.current_setting('migrator.left', true)) operator(pg_catalog.>) 0 then %s else %s end
where version operator(pg_catalog.=) %s`, s.Table.Progress().SQL(), differenceSQL(noted("before"), noted("left")), unknown, sqltext.Literal(move.Version))}
}

// refuseLeft is the part of a block that stops the file at statement i, from 0, if an earlier statement has left something in its
// session that statement i would not see.
func (s Writer) refuseLeft(move *Move, i int) string {
	if i == 0 {
		return ""
	}
	line, _ := sqllex.Position(move.File.SQL, move.File.Separate[i-1].Span.Start)
	progress, version := s.Table.Progress().SQL(), sqltext.Literal(move.Version)
	return fmt.Sprintf(`  if exists (select from %[1]s p where p.version operator(pg_catalog.=) %[2]s and p.session operator(pg_catalog.<>) '{}') then
  declare names pg_catalog.text; changes pg_catalog.text; doubt pg_catalog.text; begin
    select pg_catalog.string_agg(e.key, ', '), pg_catalog.string_agg(case
        when e.key operator(pg_catalog.=) 'role' then case when e.value operator(pg_catalog.=) 'none' then 'RESET ROLE' else pg_catalog.format('SET ROLE %%I', e.value) end
        when e.key operator(pg_catalog.=) 'session_authorization' then pg_catalog.format('SET SESSION AUTHORIZATION %%I', e.value)
        when e.key operator(pg_catalog.=) 'standard_conforming_strings' then 'SET standard_conforming_strings = on'
        when e.key operator(pg_catalog.=) 'client_encoding' then 'SET client_encoding = ''UTF8'''
        when e.value is null or pg_catalog.starts_with(e.key, 'default_transaction_') then pg_catalog.format('RESET %%s', w.name)
        when e.key operator(pg_catalog.=) any (array['search_path', 'temp_tablespaces']) and pg_catalog.length(e.value) operator(pg_catalog.>) 0 then pg_catalog.format('SET %%s = %%s', w.name, e.value)
        else pg_catalog.format('SET %%s = %%L', w.name, e.value) end, '; ')
      into names, changes
      from %[1]s p, lateral pg_catalog.jsonb_each_text(p.session) e,
        lateral (select pg_catalog.string_agg(pg_catalog.quote_ident(part), '.') from pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.lower(e.key), '.')) part) w (name)
      where p.version operator(pg_catalog.=) %[2]s and pg_catalog.length(e.key) operator(pg_catalog.>) 0 and %[3]s;
    select p.session operator(pg_catalog.->>) '' into doubt from %[1]s p where p.version operator(pg_catalog.=) %[2]s;
    if names is not null then
      raise exception using errcode = '%[4]s', message = pg_catalog.format('statement %[5]d (line %[6]d) has left in its session what this statement would not have: %%s', names),
        hint = pg_catalog.concat('insert after that statement: ', changes,
          case when doubt is not null then ' (or RESET, where it was meant for that statement alone: the run was cut off before it was known)' end);
    elsif doubt operator(pg_catalog.=) 'unknown' then
      raise exception using errcode = '%[4]s', message = 'statement %[5]d (line %[6]d) was cut off or has failed, and it is not known what it has set for its session',
        hint = %[7]s;
    end if;
%[8]s  end;
  end if;
`, progress, version, unresolved(move.File, i), sqlstate.SessionState, i, line,
		sqltext.Literal("insert after it what the rest of the file needs (SET), then: update "+progress+" set session = session - '' where version = "+version+"; and run again"), s.refuseTemporary(move, i))
}

// unresolved is an SQL condition for a setting e that statement i-1 has left, and that the file itself does not set or reset before
// statement i.
func unresolved(file *sqlfile.File, i int) string {
	decided := "false"
	var names []string
	for _, s := range file.Separate[i].Since {
		for _, name := range []string{s.Name, sqlfile.RoleSetting} {
			if s.Decides(name) {
				names = append(names, sqltext.Literal(name))
			}
		}
		if s.All {
			decided = "e.key operator(pg_catalog.<>) all (array['role', 'session_authorization'])"
		}
	}
	return fmt.Sprintf("not (pg_catalog.starts_with(e.key, 'pg_temp.') or %s or pg_catalog.lower(e.key) operator(pg_catalog.=) any (array[%s]::pg_catalog.text[]))", decided, strings.Join(names, ", "))
}
