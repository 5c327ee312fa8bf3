package servertest

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// indexFiles are a table, and a file without a transaction whose statements are of every kind: each insert writes a row
// that a second time would double.
func indexFiles() fstest.MapFS {
	return files(
		"001_table.sql", "create table ledger (file int not null);\ninsert into ledger values (1);\ncreate index ledger_file on ledger (file);\n",
		"002_indexes.sql", `-- migrator: no-transaction
set search_path = public;
insert into ledger values (2);
create unique index concurrently if not exists ledger_unique on ledger (file) where file > 1;
insert into ledger values (3);
drop index concurrently ledger_file;
`,
		"002_indexes.down.sql", `-- migrator: no-transaction
insert into ledger values (-2);
drop index concurrently ledger_unique;
`,
		"003_last.sql", "insert into ledger values (4);\n", "003_last.down.sql", "insert into ledger values (-4);\n")
}

// advisoryLocks are those of the test's database.
const advisoryLocks = " from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"

// indexState is what a database of indexFiles contains.
func indexState(tb testing.TB, url string) []string {
	tb.Helper()
	for tries := 0; tries < 100 && query(tb, url, "select count(*)::text"+advisoryLocks)[0] != "0"; tries++ {
		time.Sleep(50 * time.Millisecond) // a backend whose client is gone takes a moment to end
	}
	return append(state(tb, url), query(tb, url, `select relname || case when indisvalid then '' else ' invalid' end from pg_index join pg_class c on c.oid = indexrelid
		where indrelid = to_regclass('ledger') union all
		select 'a table is left: ' || relname from pg_class where relname like '%progress' union all
		select 'a lock is left'`+advisoryLocks+" order by 1")...)
}

var indexDone = []string{
	"history 001_table.sql", "history 002_indexes.sql", "history 003_last.sql",
	"ledger 1", "ledger 2", "ledger 3", "ledger 4", "ledger_unique",
}

func TestAFileWithoutATransactionRunsStatementByStatement(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			var seen recorder
			config := mode.config
			config.Observe = seen.observe
			m := open(t, url, indexFiles(), config)
			results, err := m.Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Len(t, results, 3)
			require.Equal(t, indexDone, indexState(t, url))
			var done []string
			for _, e := range seen.of(migrator.EventStatement) {
				done = append(done, fmt.Sprintf("%s %d/%d", e.Version, e.Statement, e.Statements))
			}
			require.Equal(t, []string{"002_indexes.sql 1/4", "002_indexes.sql 2/4", "002_indexes.sql 3/4", "002_indexes.sql 4/4"}, done)

			results, err = m.Run(patience(t), migrator.DownTo("1"))
			require.NoError(t, err)
			require.Len(t, results, 2)
			require.Equal(t, []string{
				"history 001_table.sql", "ledger -2", "ledger -4", "ledger 1", "ledger 2", "ledger 3", "ledger 4",
			}, indexState(t, url))
		})
	}
}
