package servertest

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// meeting are statements about what all databases of a server share: the transactions of two databases meet in them, whose runs
// do not wait for each other. Each can be run again. $role is a role, $database a database.
var meeting = map[string]string{
	"grant on a database":   "grant connect on database $database to $role",
	"grant a role":          "grant pg_read_all_data to $role",
	"create a role":         "do $$ begin if not exists (select from pg_roles where rolname = '$role_new') then create role $role_new; end if; end $$",
	"alter a role":          "alter role $role connection limit 5",
	"set for a role":        "alter role $role set work_mem = '5MB'",
	"set for a database":    "alter database $database set work_mem = '5MB'",
	"limit a database":      "alter database $database connection limit 50",
	"own a database":        "alter database $database owner to $role",
	"grant on a tablespace": "grant create on tablespace pg_default to $role",
}

// TestTransactionsOfTwoDatabasesThatMeetInWhatTheServerSharesBothSucceed: the second to write a row is told that it was
// concurrently updated, or that its key exists, as soon as the first one has committed.
func TestTransactionsOfTwoDatabasesThatMeetInWhatTheServerSharesBothSucceed(t *testing.T) {
	t.Parallel()
	for name, statement := range meeting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := newDatabase(t), newDatabase(t)
			shared := database(t, ours)
			role(t, ours, "")
			sql := strings.NewReplacer("$database", shared, "$role", "role_"+shared).Replace(statement)
			t.Cleanup(func() {
				execute(t, ours, "alter database "+shared+" owner to current_user; drop role if exists role_"+shared+"_new")
			})
			other := connect(t, theirs)
			defer other.Close(context.Background())
			_, err := other.Exec(t.Context(), "begin; "+sql)
			require.NoError(t, err)
			var seen recorder
			ended := inBackground(t, open(t, ours, files("001_meet.sql", sql), migrator.Config{LockTimeout: -1, Observe: seen.observe}))
			waitFor(t, theirs, "select (count(*) > 0)::text from pg_stat_activity where wait_event_type = 'Lock' and datname = '"+shared+"'")
			_, err = other.Exec(context.Background(), "commit")
			require.NoError(t, err)
			end := <-ended
			require.NoError(t, end.err)
			require.Len(t, end.results, 1)
			retries := 1
			if name == "grant a role" && serverVersion(t, ours) >= 16 { // which locks the membership first
				retries = 0
			}
			require.Len(t, seen.of(migrator.EventRetrying), retries)
		})
	}
}

// TestAKeyOfACatalogThatStaysTakenEndsTheRun after a few tries, and not only after Config.RetryFor.
func TestAKeyOfACatalogThatStaysTakenEndsTheRun(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	var seen recorder
	m := open(t, url, files("001_a.sql", "insert into pg_namespace (oid, nspname, nspowner) select 1, nspname, nspowner from pg_namespace where nspname = 'public';\n"), migrator.Config{Observe: seen.observe})
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "duplicate key value")
	require.ErrorContains(t, err, "STATE: rolled back; nothing of this file was applied")
	require.Len(t, seen.of(migrator.EventRetrying), 4)
}
