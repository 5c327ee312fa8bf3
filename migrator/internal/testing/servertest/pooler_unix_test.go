//go:build unix

package servertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestPromise5AnyPoolerWillDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode string
		size int
	}{{"transaction", 1}, {"transaction", 2}, {"transaction", 5}, {"session", 1}, {"session", 2}, {"session", 5}} {
		t.Run(fmt.Sprintf("%s mode, pool of %d", test.mode, test.size), func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			atOnce(t, 10, 8, pgbouncer(t, url, test.mode, test.size), migrator.Config{})
			require.Equal(t, ledgerState(8), state(t, url))
			waitFor(t, url, "select (count(*) = 0)::text"+advisoryLocks)
			results, err := open(t, url, ledgerFiles(9), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Len(t, results, 1, "a direct run goes on afterwards")
		})
	}
}

func TestAFileWithoutATransactionIsRefusedBehindAPooler(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	pooled := pgbouncer(t, url, "transaction", 2)
	m := open(t, pooled, indexFiles(), migrator.Config{})
	for _, try := range []func() error{
		func() error { _, err := m.Run(patience(t), migrator.Up()); return err },
		func() error { _, err := m.Plan(patience(t), migrator.Up()); return err },
	} {
		err := try()
		var refused *migrator.FileError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "002_indexes.sql", refused.Path)
		require.Contains(t, refused.Hint, "leads to PostgreSQL itself")
	}
	require.Equal(t, []string{"true"}, query(t, url, "select (to_regclass('schema_migrations') is null)::text"), "nothing has run")
	_, err := open(t, url, indexFiles(), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	results, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err, "nothing is pending any more")
	require.Empty(t, results)
}

// TestPromise4LosingEveryFileToAnotherReplicaIsNoFailure: behind a pooler nobody holds the lock between two files, so a
// replica may find one file after the other done by others, far more often than it would try in vain.
func TestPromise4LosingEveryFileToAnotherReplicaIsNoFailure(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	atOnce(t, 6, 150, pgbouncer(t, url, "transaction", 5), migrator.Config{})
	require.ElementsMatch(t, ledgerState(150), state(t, url))
}

// TestPromise7HoldsBehindAPooler: what a failed file leaves in its session must not stay there for the pooler's other
// clients, who get it as soon as it is idle.
func TestPromise7HoldsBehindAPooler(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	pooled := pgbouncer(t, url, "transaction", 3)
	stop := make(chan struct{})
	var others sync.WaitGroup
	for range 6 {
		others.Go(func() {
			conn, err := pgx.Connect(context.Background(), pooled)
			if err != nil {
				return
			}
			defer conn.Close(context.Background())
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = conn.Exec(context.Background(), "select 1", pgx.QueryExecModeSimpleProtocol)
				}
			}
		})
	}
	m := open(t, pooled, files("001_leak.sql", "prepare leaked as select 1;\nselect pg_advisory_lock(77);\nselect 1/0;\n"), migrator.Config{})
	for range 20 {
		_, err := m.Run(patience(t), migrator.Up())
		require.ErrorContains(t, err, "001_leak.sql:3:1: division by zero")
	}
	close(stop)
	others.Wait()
	waitFor(t, url, "select (count(*) = 0)::text"+advisoryLocks)
}

// TestAPoolerInStatementModeIsRefused: files that succeed would pass there by luck, since each is one message, and one
// that fails would seem to have lost its connection, ten times over.
func TestAPoolerInStatementModeIsRefused(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	pooled := pgbouncer(t, url, "statement", 2)
	for _, mode := range modes {
		for name, fsys := range map[string]fstest.MapFS{"good": ledgerFiles(2), "bad": files("001_bad.sql", "select 1/0;\n")} {
			var seen recorder
			config := mode.config
			config.Observe = seen.observe
			results, err := open(t, pooled, fsys, config).Run(patience(t), migrator.Up())
			require.Empty(t, results, name)
			require.ErrorContains(t, err, "begin a transaction: ", name)
			require.ErrorContains(t, err, "statement pooling mode", name)
			require.ErrorContains(t, err, "HINT: the pooler is in statement mode: connect to PostgreSQL directly, or through a pool in transaction or session mode", name)
			require.Empty(t, seen.of(migrator.EventReconnecting), name)
			require.Equal(t, []string{"0"}, query(t, url, "select count(*)::text from pg_class where relnamespace = 'public'::regnamespace"), name)
		}
	}
}

func TestAPoolerInStatementModeWillDoWhereNothingIsPending(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, ledgerFiles(2), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	results, err := open(t, pgbouncer(t, url, "statement", 1), ledgerFiles(2), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
}

// pgbouncer starts one in front of the server that url names, and returns the same URL through it.
func pgbouncer(t *testing.T, url, mode string, size int) string {
	t.Helper()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		binary, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("pgbouncer is not installed; CI has it")
	}
	require.NoError(t, err)
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())

	password := ""
	if config.Password != "" {
		password = " password='" + config.Password + "'"
	}
	dir, err := os.MkdirTemp("", "pgbouncer")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	ini := filepath.Join(dir, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(ini, fmt.Appendf(nil, `[databases]
* = host=%s port=%d user=%s%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = %s
default_pool_size = %d
max_client_conn = 100
server_login_retry = 1
`, config.Host, config.Port, config.User, password, port, mode, size), 0o600))
	cmd := exec.Command(binary, ini)
	if os.Getuid() == 0 { // it refuses to run as root
		nobody, err := user.Lookup("nobody")
		require.NoError(t, err)
		uid, err := strconv.Atoi(nobody.Uid)
		require.NoError(t, err)
		require.NoError(t, os.Chown(dir, uid, -1))
		require.NoError(t, os.Chown(ini, uid, -1))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	var log strings.Builder
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	pooled := fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", config.User, port, config.Database)
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(context.Background(), pooled)
		if err != nil {
			return false
		}
		_ = conn.Close(context.Background())
		return true
	}, 30*time.Second, 20*time.Millisecond, "pgbouncer answers: %s", &log)
	return pooled
}
