//go:build unix

package cli_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/cli"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// hangingUp is a socket that leads to the server of url, and closes a connection on which more than a megabyte was sent.
func hangingUp(t *testing.T, url string) (address string) {
	t.Helper()
	server, err := pgconn.ParseConfig(url)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "socket") // short: a socket's path has a limit
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial(pgconn.NetworkAddress(server.Host, server.Port))
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(client, upstream) }()
			go func() {
				_, _ = io.CopyN(upstream, client, 1<<20)
				_ = client.Close()
				_ = upstream.Close()
			}()
		}
	}()
	return "host=" + dir + " port=5432 user=" + server.User + " password='" + server.Password + "' dbname=" + server.Database
}

func TestAConnectionThatBreaksWhileAFileIsSentIsAFailure(t *testing.T) {
	t.Parallel()
	large := "select 1; --" + strings.Repeat("x", 16<<20)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_large.sql"), []byte(large), 0o600))
	migrations, err := migrator.Load(os.DirFS(dir))
	require.NoError(t, err)
	config, err := migrator.ParseConfig(hangingUp(t, migratortest.Database(t)))
	require.NoError(t, err)
	_, err = migrator.New(config, migrations, migrator.Config{ReconnectFor: -1}).Run(t.Context(), migrator.Up())
	require.ErrorIs(t, err, syscall.EPIPE, "as where a reader of the results leaves")
	require.Equal(t, cli.ExitFailed, cli.ExitCode(err))
}

// withoutAReader runs the command with a stdout that nobody reads.
func withoutAReader(t *testing.T, env []string, args ...string) (code int, stderr string) {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	defer write.Close()
	return withStdout(t, write, env, args...)
}

func withStdout(t *testing.T, stdout *os.File, env []string, args ...string) (code int, stderr string) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	var errs strings.Builder
	cmd := &exec.Cmd{Path: program, Args: append([]string{"migrator"}, args...), Env: append(os.Environ(), env...), Stdout: stdout, Stderr: &errs}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}

func TestTheExitCodeIsThatOfWhatWasDoneAndNotOfWhoReadsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_a.sql"), []byte("select 1;\n"), 0o600))
	bad := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bad, "001_a.sql"), []byte("select 2;\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(bad, "002_b.sql"), []byte("select wrong;\n"), 0o600))
	env := []string{"DATABASE_URL=" + migratortest.Database(t)}
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"status", "--exit-code", "--dir", dir}, cli.ExitPending},
		{[]string{"status", "--exit-code", "--json", "--dir", dir}, cli.ExitPending},
		{[]string{"up", "--dir", dir}, cli.ExitDone},
		{[]string{"status", "--exit-code", "--dir", dir}, cli.ExitDone},
		{[]string{"up", "--json", "--dir", dir}, cli.ExitDone},
		{[]string{"plan", "--dir", dir}, cli.ExitDone},
		{[]string{"up", "--dry-run", "--dir", dir}, cli.ExitDone},
		{[]string{"verify", "--dir", bad}, cli.ExitDrift},
		{[]string{"verify", "--json", "--dir", bad}, cli.ExitDrift},
		{[]string{"up", "--json", "--dir", bad}, cli.ExitDrift},
		{[]string{"completion", "bash"}, cli.ExitDone},
		{[]string{"version"}, cli.ExitDone},
		{[]string{"up", "--nonsense", "--json"}, cli.ExitUsage},
		{[]string{"up", "--table", "other", "--json", "--dir", bad}, cli.ExitFailed},
	} {
		code, stderr := withoutAReader(t, env, c.args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, stderr)
	}
}

func TestResultsThatCannotBeWrittenAreAFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_a.sql"), []byte("select 1;\n"), 0o600))
	readOnly, err := os.Open(filepath.Join(dir, "001_a.sql"))
	require.NoError(t, err)
	defer readOnly.Close()
	env := []string{"DATABASE_URL=" + migratortest.Database(t)}
	for _, args := range [][]string{{"up", "--dir", dir}, {"status", "--dir", dir}, {"status", "--json", "--dir", dir}, {"version"}} {
		code, stderr := withStdout(t, readOnly, env, args...)
		require.Equal(t, cli.ExitFailed, code, args)
		require.Contains(t, stderr, "write results: write /dev/stdout: bad file descriptor", args)
	}
}
