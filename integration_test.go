package agentshaker_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// The whole story, told with the real programs on a real PostgreSQL: from dockertest, or whatever else there is (see
// migratortest). What a run promises at each single message is shown beside the library, in migrator/promise_*_test.go.

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "agent-shaker"); err != nil {
		panic(err)
	}
	code := migratortest.Main(m)
	_ = os.RemoveAll(programs)
	os.Exit(code)
}

// programs is the directory of the two commands, which build compiles once.
var programs string

var build = sync.OnceValue(func() error {
	out, err := exec.Command("go", "build", "-o", programs, "./cmd/server", "./cmd/migrator").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
})

// command is one of the programs, with a database and nothing else of this process's environment that counts.
func command(t *testing.T, url, name string, args ...string) *exec.Cmd {
	t.Helper()
	require.NoError(t, build())
	cmd := exec.Command(filepath.Join(programs, name), args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "DATABASE_URL=") && !strings.HasPrefix(variable, "MIGRATIONS_DIR=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "DATABASE_URL="+url)
	return cmd
}

func migrate(t *testing.T, url string, args ...string) (output string, err error) {
	t.Helper()
	out, err := command(t, url, "server", append([]string{"migrate"}, args...)...).CombinedOutput()
	return string(out), err
}

func TestAFreshDatabaseIsMigratedOnce(t *testing.T) {
	t.Parallel()
	url := migratortest.Database(t)
	out, err := migrate(t, url, "up")
	require.NoError(t, err, out)
	require.Contains(t, out, "Successfully applied 6 migration(s)")
	first := history(t, url)
	require.Len(t, first, 6)
	out, err = migrate(t, url, "up")
	require.NoError(t, err, out)
	require.Equal(t, "No pending migrations\n", out)
	require.Equal(t, first, history(t, url))
}

func TestTwentyProcessesAtOnceApplyEachFileOnce(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long: run without -short")
	}
	url := migratortest.Database(t)
	const processes = 20
	outputs, errs := make([]string, processes), make([]error, processes)
	var group sync.WaitGroup
	for i := range processes {
		cmd := command(t, url, "server", "migrate", "up")
		group.Go(func() {
			out, err := cmd.CombinedOutput()
			outputs[i], errs[i] = string(out), err
		})
	}
	group.Wait()
	for i, err := range errs {
		require.NoError(t, err, outputs[i])
	}
	all := strings.Join(outputs, "")
	for _, version := range []string{"001_init.sql", "002_sample_data.sql", "003_daily_standups.sql", "004_add_notifications.sql", "005_add_task_priority.sql", "006_migrate_agent_status.sql"} {
		require.Equal(t, 1, strings.Count(all, "Applied "+version), all)
	}
	require.Equal(t, schema(t, undisturbed(t)), schema(t, url))
}

// TestAServerThatIsKilledAtAnyLineIsFollowedByOneThatFinishes kills the process as hard as it goes, right after each line
// that it logs.
func TestAServerThatIsKilledAtAnyLineIsFollowedByOneThatFinishes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long: run without -short")
	}
	want := schema(t, undisturbed(t))
	for line := 1; ; line++ {
		url := migratortest.Database(t)
		cmd := command(t, url, "server")
		cmd.Env = append(cmd.Env, "ADDR=127.0.0.1:0")
		logs, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		ready := false
		lines := bufio.NewScanner(logs)
		for n := 0; n < line && lines.Scan(); n++ {
			ready = strings.Contains(lines.Text(), "Server is ready")
		}
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
		out, err := migrate(t, url, "up")
		require.NoError(t, err, "after line %d: %s", line, out)
		require.Equal(t, want, schema(t, url), "after line %d", line)
		if ready {
			require.Greater(t, line, 12, "the server logs two lines a file")
			return
		}
	}
}

func TestAFileInADirectoryIsAppliedOnceMendedAndNeverEdited(t *testing.T) {
	t.Parallel()
	url := migratortest.Database(t)
	dir := t.TempDir()
	put(t, dir, "001_own.sql", "create table own (id int);\n")
	up := func() (string, error) {
		out, err := command(t, url, "migrator", "up", "--dir", dir).CombinedOutput()
		return string(out), err
	}
	out, err := up()
	require.NoError(t, err, out)
	require.Equal(t, "✓ Applied 001_own.sql\nSuccessfully applied 1 migration(s)\n", out)

	// It resumes where a file failed, and leaves nothing of that file.
	put(t, dir, "002_fails.sql", "create table half (id int);\nselect 1/0;\n")
	put(t, dir, "003_more.sql", "create table more (id int);\n")
	out, err = up()
	require.Error(t, err)
	require.Contains(t, out, "002_fails.sql:2:1: division by zero (SQLSTATE 22012)")
	require.Contains(t, out, "STATE: rolled back; nothing of this file was applied")
	require.NotContains(t, schema(t, url), "half")
	put(t, dir, "002_fails.sql", "create table half (id int);\n")
	out, err = up()
	require.NoError(t, err, out)
	require.Equal(t, "✓ Applied 002_fails.sql\n✓ Applied 003_more.sql\nSuccessfully applied 2 migration(s)\n", out)

	// An applied file that is edited stops everything.
	put(t, dir, "001_own.sql", "create table own (id bigint);\n")
	out, err = up()
	require.Error(t, err)
	require.Contains(t, out, "001_own.sql: changed since it was applied")
}

// TestTheMigratorHoldsNoMigrationsOfItsOwn starts both programs where there is no directory of migrations.
func TestTheMigratorHoldsNoMigrationsOfItsOwn(t *testing.T) {
	t.Parallel()
	url, elsewhere := migratortest.Database(t), t.TempDir()
	in := func(program string, args ...string) (string, error) {
		cmd := command(t, url, program, args...)
		cmd.Dir = elsewhere
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := in("migrator", "up")
	require.Error(t, err)
	require.Contains(t, out, "no migrations: there is no directory "+filepath.Join(elsewhere, "migrations"))
	require.Empty(t, schemaTables(t, url))

	out, err = in("server", "migrate", "up")
	require.NoError(t, err, out)
	require.Len(t, history(t, url), 6)
}

func TestTheServerGoesFromStartToReadyToShutdown(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	cmd := command(t, migratortest.Database(t), "server")
	cmd.Env = append(cmd.Env, "ADDR="+address)
	var logs strings.Builder
	cmd.Stdout, cmd.Stderr = &logs, &logs
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode == http.StatusOK
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-ended:
		require.NoError(t, err, logs.String())
	case <-time.After(time.Minute):
		require.NoError(t, cmd.Process.Kill())
		t.Fatal("the server did not shut down: " + logs.String())
	}
	require.Contains(t, logs.String(), "Successfully applied 6 migration(s)")
	require.Contains(t, logs.String(), "Server stopped")
}

// undisturbed is a database that was migrated without any trouble.
func undisturbed(t *testing.T) string {
	t.Helper()
	url := migratortest.Database(t)
	out, err := migrate(t, url, "up")
	require.NoError(t, err, out)
	return url
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
}

// history is the statement that its users have for it.
func history(t *testing.T, url string) []string {
	t.Helper()
	return query(t, url, "select version || ' ' || applied_at from (SELECT version, applied_at FROM schema_migrations ORDER BY version) h")
}

// schema is what the migrations have made, as text: columns, constraints, indexes, versions and numbers of rows.
func schema(t *testing.T, url string) string {
	t.Helper()
	return strings.Join(query(t, url, `
select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) as line from information_schema.columns where table_schema = 'public'
union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || convalidated from pg_constraint where connamespace = 'public'::regnamespace
union all select indexdef from pg_indexes where schemaname = 'public'
union all select version || ' ' || checksum from schema_migrations
union all select relname || ' rows ' || (xpath('/row/n/text()', query_to_xml('select count(*) as n from ' || oid::regclass, false, true, '')))[1]::text
	from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
order by line`), "\n")
}

func schemaTables(t *testing.T, url string) []string {
	t.Helper()
	return query(t, url, "select relname::text from pg_class where relnamespace = 'public'::regnamespace")
}

func query(t *testing.T, url, sql string) []string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}
