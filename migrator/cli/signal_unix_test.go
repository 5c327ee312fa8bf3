//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/cli"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// A process is the command, running `up` on two files: the second sleeps as long as a table says.
type process struct {
	*exec.Cmd
	stderr bytes.Buffer
	ended  chan struct{}
}

func slowFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_first.sql"), []byte("create table pace as select 60 as seconds;\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "002_slow.sql"), []byte("create table slow ();\nselect pg_sleep(seconds) from pace;\n"), 0o600))
	return dir
}

func startUp(t *testing.T, url, dir string) *process {
	t.Helper()
	program, err := os.Executable() // testscript.Main makes it the command when it is called so
	require.NoError(t, err)
	p := &process{ended: make(chan struct{})}
	p.Cmd = &exec.Cmd{Path: program, Args: []string{"migrator", "up", "--dir", dir}, Stderr: &p.stderr}
	p.Env = append(os.Environ(), "DATABASE_URL="+url, "GORACE=atexit_sleep_ms=0") // a second, otherwise
	require.NoError(t, p.Start())
	go func() {
		defer close(p.ended)
		_ = p.Wait() // its code is looked at
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
	})
	return p
}

// signal returns how long the process takes to end after it.
func (p *process) signal(t *testing.T, s os.Signal) time.Duration {
	t.Helper()
	sent := time.Now()
	require.NoError(t, p.Process.Signal(s))
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		require.FailNow(t, "it does not end")
	}
	return time.Since(sent)
}

// sleeping returns how many statements sleep in the database.
func sleeping(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()").Scan(&n))
	return n
}

func untilSleeping(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	require.Eventually(t, func() bool { return sleeping(t, conn) == 1 }, time.Minute, 10*time.Millisecond)
}

// goesOn ends the pace of the slow file and runs again.
func goesOn(t *testing.T, conn *pgx.Conn, url, dir string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), "delete from pace")
	require.NoError(t, err)
	again := startUp(t, url, dir)
	<-again.ended
	require.Zero(t, again.ProcessState.ExitCode(), &again.stderr)
	var state string
	require.NoError(t, conn.QueryRow(t.Context(), "select string_agg(version, ' ' order by version) || ' ' || to_regclass('slow') from schema_migrations").Scan(&state))
	require.Equal(t, "001_first.sql 002_slow.sql slow", state)
}

var stops = []struct {
	name   string
	signal os.Signal
	code   int
}{{"SIGINT", syscall.SIGINT, cli.ExitInterrupt}, {"SIGTERM", syscall.SIGTERM, cli.ExitTerminated}}

func TestASignalCancelsTheStatementAndSaysWhatTheDatabaseContains(t *testing.T) {
	t.Parallel()
	for _, test := range stops {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url, dir := migratortest.Database(t), slowFiles(t)
			conn := dbtest.Connect(t, url)
			up := startUp(t, url, dir)
			untilSleeping(t, conn)
			took := up.signal(t, test.signal)
			require.Zero(t, sleeping(t, conn), "the server has ended the statement before the process ends")
			require.Less(t, took, 5*time.Second)
			require.Equal(t, test.code, up.ProcessState.ExitCode(), &up.stderr)
			require.Contains(t, up.stderr.String(), "002_slow.sql:2:1: stopped by")
			require.Contains(t, up.stderr.String(), "STATE: rolled back; nothing of this file was applied")
			goesOn(t, conn, url, dir)
		})
	}
}

func TestASignalEndsARunThatWaitsForAnother(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	for _, test := range stops {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url, dir := migratortest.Database(t), slowFiles(t)
			conn := dbtest.Connect(t, url)
			first := startUp(t, url, dir)
			untilSleeping(t, conn)
			second := startUp(t, url, dir)
			require.Eventually(t, func() bool {
				var waits bool
				require.NoError(t, conn.QueryRow(t.Context(), "select count(*) = 1 from pg_stat_activity where query like 'select pg_catalog.pg_try_advisory_xact_lock_shared%' and datname = current_database()").Scan(&waits))
				return waits
			}, time.Minute, 10*time.Millisecond)
			require.Less(t, second.signal(t, test.signal), 5*time.Second)
			require.Equal(t, test.code, second.ProcessState.ExitCode(), &second.stderr)
			require.Equal(t, 1, sleeping(t, conn), "the other run is not disturbed")
			first.signal(t, test.signal)
			goesOn(t, conn, url, dir)
		})
	}
}

func TestASecondSignalEndsTheProcessAlsoWhenTheServerIsSilent(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	for _, test := range stops {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url, dir := migratortest.Database(t), slowFiles(t)
			conn, proxy := dbtest.Connect(t, url), pgproxy.Start(t, url)
			up := startUp(t, proxy.URL(), dir)
			untilSleeping(t, conn)
			proxy.Stall()
			require.NoError(t, up.Process.Signal(syscall.SIGTERM))
			select {
			case <-up.ended:
				require.Fail(t, "it waits for the server's word", &up.stderr)
			case <-time.After(time.Second):
			}
			require.Less(t, up.signal(t, test.signal), 2*time.Second)
			require.Equal(t, test.code, up.ProcessState.ExitCode(), &up.stderr)
			proxy.Resume()
			goesOn(t, conn, url, dir)
		})
	}
}
