package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestPromise7ARoleThatAFileLeavesBehindMeetsNeitherTheHistoryNorTheNextFile(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{"set role pg_read_all_data", "set session authorization pg_read_all_data"} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				url := newDatabase(t)
				user := query(t, url, "select session_user::text")[0]
				fsys := files("001_leave.sql", statement+";\n", "002_find.sql", "create table found as select session_user || ' ' || current_user as users;\n")
				results, err := open(t, url, fsys, mode.config).Run(patience(t), migrator.Up())
				require.NoError(t, err, mode.name)
				require.Len(t, results, 2)
				require.Equal(t, []string{user + " " + user}, query(t, url, "select users from found"), mode.name)
			}
		})
	}
}
