package script

import (
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// This file creates, extends and drops the progress table, which holds the records of no-transaction files.

// madeBySQL is the comment, as an SQL string, on a progress table that a run has created. A table that was created by hand does
// not have it, and is never dropped.
const madeBySQL = "'made by the migrator, which drops it when no file is unfinished'"

// makeProgress creates the table if there is none.
func (s Writer) makeProgress() Op {
	name := s.Table.Progress().SQL()
	return Op{Kind: OpClaim, SQL: sqltext.Block(fmt.Sprintf("  if pg_catalog.to_regclass(%s) is null then\n    %s;\n    comment on table %s is %s;\n  end if;",
		sqltext.Literal(name), strings.ReplaceAll(s.Table.ProgressDDL(), "\n", "\n    "), name, madeBySQL))}
}

// extendProgress adds the column and the comment that a table lacks if an older version of the tool has created it.
func (s Writer) extendProgress() Op {
	name := s.Table.Progress().SQL()
	return Op{Kind: OpClaim, SQL: sqltext.Block(fmt.Sprintf("  if %s then\n    alter table %s add column session pg_catalog.jsonb not null default '{}';\n    comment on table %[2]s is %s;\n  end if;", s.lacksSession(), name, madeBySQL))}
}

// lacksSession is an SQL condition: an older version of the tool has created the table.
func (s Writer) lacksSession() string {
	return fmt.Sprintf("not exists (select from pg_catalog.pg_attribute a where a.attrelid operator(pg_catalog.=) pg_catalog.to_regclass(%s) and a.attname operator(pg_catalog.=) 'session' and not a.attisdropped)",
		sqltext.Literal(s.Table.Progress().SQL()))
}

// DropProgress returns the operation that drops the table if no file is unfinished, unless it was created by hand. The operation
// never fails, since the table may as well stay: a view on it, or an event trigger that guards tables, must not fail the file.
func (s Writer) DropProgress() Op {
	name := s.Table.Progress().SQL()
	return Frame(sqltext.Block(fmt.Sprintf(
		"  if not exists (select from %[1]s) and (pg_catalog.obj_description(pg_catalog.to_regclass(%[2]s), 'pg_class') operator(pg_catalog.=) %[3]s or %[4]s) then\n    set local lock_timeout = '100ms';\n    drop table %[1]s;\n  end if;\nexception when others then\n  null;",
		name, sqltext.Literal(name), madeBySQL, s.lacksSession())))
}
