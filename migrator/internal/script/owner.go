package script

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// When a superuser writes a row, the triggers, rules, checks and defaults of the table run as the superuser. On PostgreSQL 14
// any role may create a table in schema public before the tool does, and wait for that. A stranger is a role that is not trusted:
// see history.TrustedOwner.

// lockExposed locks the exposed tables before a transaction of a stricter isolation level takes its snapshot. LOCK takes no
// snapshot. If the snapshot came first, it would not show CheckOwners a trigger that a stranger adds before the lock.
func (s Writer) lockExposed(isolation string) (operations []Op) {
	if isolation == "" {
		return nil
	}
	if s.Exposed != nil { // the role's own limits must not end the wait for the locks
		operations = append(operations, Frame("set local lock_timeout = 0"), Frame("set local statement_timeout = 0"))
	}
	for _, t := range s.Exposed {
		operations = append(operations, Frame("lock table "+t.SQL()+" in row exclusive mode"))
	}
	return operations
}

// CheckOwners returns operations for a transaction that writes to our tables. They raise sqlstate.Stranger if a stranger has put
// something on a table that would run as a superuser. They first lock the tables as a write does, so that nobody can add more.
// CheckOwners returns none if no table is exposed.
func (s Writer) CheckOwners() []Op {
	if s.Exposed == nil {
		return nil
	}
	strangers := strings.NewReplacer("$relation", "table_oid", "$filled", "ours.filled", "$trusted", history.TrustedOwner("o.owner", "r.nspowner")).Replace(sqltext.WithoutComments(history.OwnerSQL))
	return []Op{Frame(sqltext.Block(fmt.Sprintf(`  declare ours pg_catalog.record; stranger pg_catalog.record; table_oid pg_catalog.oid; begin
  for ours in select o.name, o.filled from (values (%s, %s), (%s, %s)) o (name, filled) where pg_catalog.to_regclass(o.name) is not null loop
    execute pg_catalog.concat('lock table ', ours.name, ' in row exclusive mode');
    table_oid := pg_catalog.to_regclass(ours.name); -- another one may have come in its place while the lock was waited for
    if not exists (select from pg_catalog.pg_class c where c.oid operator(pg_catalog.=) table_oid) then
      raise exception using errcode = '%s', message = pg_catalog.concat(ours.name, ' was replaced while it was looked at'), hint = 'look at it, and run again';
    end if;
    for stranger in
%s
    loop
      raise exception using errcode = '%[5]s',
        message = pg_catalog.format('%%s of %%s is in the hands of %%s, and would run as the superuser %%s', stranger.what, stranger.name, stranger.owner, current_user),
        hint = pg_catalog.format('look at it; if it is not meant: %%s; if it is, run as a role that is not a superuser, or make its owner one that is trusted: a superuser, or the owner of the database or of the schema', stranger.fix);
    end loop;
  end loop; end;`,
		sqltext.Literal(s.Table.SQL()), history.Columns, sqltext.Literal(s.Table.Progress().SQL()), history.ProgressColumns, sqlstate.Stranger, strangers)))}
}

// newOwner checks a table that we have just created, and fails if a stranger has created it a moment before.
func (s Writer) newOwner(made history.Table) []Op {
	if !s.Superuser || s.Exposed != nil { // a table that existed before may belong to a stranger
		return s.CheckOwners()
	}
	return []Op{Frame(sqltext.Block(fmt.Sprintf(`  if exists (
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
    where c.oid operator(pg_catalog.=) pg_catalog.to_regclass(%[1]s) and not %[2]s
  ) then
    raise exception using errcode = '%[3]s', message = %[4]s, hint = %[5]s;
  end if;`, sqltext.Literal(made.SQL()), history.TrustedOwner("c.relowner", "n.nspowner"), sqlstate.Stranger,
		sqltext.Literal(made.String()+" was made by a stranger, a moment before the tool made it"), sqltext.Literal("look at it, and drop it; and let nobody but its owner create in schema "+made.Schema))))}
}
