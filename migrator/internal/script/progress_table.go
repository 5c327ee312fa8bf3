package script

import (
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// How the table that records the progress of no-transaction files is made, and taken away.

// madeBySQL is the comment on a progress table that a run has made. One that was made by hand has none, and stays.
const madeBySQL = "'made by the migrator, which drops it when no file is unfinished'"

// makeProgress makes the table where there is none.
func (s Writer) makeProgress() Op {
	name := s.Table.Progress().SQL()
	return Op{Kind: OpClaim, SQL: sqltext.Block(fmt.Sprintf("  if pg_catalog.to_regclass(%s) is null then\n    %s;\n    comment on table %s is %s;\n  end if;",
		sqltext.Literal(name), strings.ReplaceAll(s.Table.ProgressDDL(), "\n", "\n    "), name, madeBySQL))}
}

// extendProgress adds what a table that an older version has made lacks.
func (s Writer) extendProgress() Op {
	name := s.Table.Progress().SQL()
	return Op{Kind: OpClaim, SQL: sqltext.Block(fmt.Sprintf("  if %s then\n    alter table %s add column session pg_catalog.jsonb not null default '{}';\n    comment on table %[2]s is %s;\n  end if;", s.lacksSession(), name, madeBySQL))}
}

// lacksSession is a condition for a table that an older version has made.
func (s Writer) lacksSession() string {
	return fmt.Sprintf("not exists (select from pg_catalog.pg_attribute a where a.attrelid operator(pg_catalog.=) pg_catalog.to_regclass(%s) and a.attname operator(pg_catalog.=) 'session' and not a.attisdropped)",
		sqltext.Literal(s.Table.Progress().SQL()))
}

// DropProgress takes the table away where nothing is unfinished any more, unless it was made by hand. It may as well stay: a view
// that shows it, or an event trigger that guards tables, keeps no file from being recorded.
func (s Writer) DropProgress() Op {
	name := s.Table.Progress().SQL()
	return Frame(sqltext.Block(fmt.Sprintf(
		"  if not exists (select from %[1]s) and (pg_catalog.obj_description(pg_catalog.to_regclass(%[2]s), 'pg_class') operator(pg_catalog.=) %[3]s or %[4]s) then\n    set local lock_timeout = '100ms';\n    drop table %[1]s;\n  end if;\nexception when others then\n  null;",
		name, sqltext.Literal(name), madeBySQL, s.lacksSession())))
}
