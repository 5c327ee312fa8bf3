//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/cli"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// runCommand runs the command as a process of its own.
func runCommand(t *testing.T, url string, args ...string) (code int, stderr string) {
	t.Helper()
	program, err := os.Executable() // testscript.Main makes it the command when it is called so
	require.NoError(t, err)
	var errs strings.Builder
	cmd := &exec.Cmd{Path: program, Args: append([]string{"migrator"}, args...), Env: append(os.Environ(), "DATABASE_URL="+url), Stderr: &errs}
	_ = cmd.Run() // its code is looked at
	return cmd.ProcessState.ExitCode(), errs.String()
}

func TestWaitForZeroDoesNotWait(t *testing.T) {
	t.Parallel()
	url, dir := migratortest.Database(t), slowFiles(t)
	conn := dbtest.Connect(t, url)
	first := startUp(t, url, dir)
	untilSleeping(t, conn)
	code, stderr := runCommand(t, url, "up", "--dir", dir, "--wait-for", "0", "--timeout", "20s")
	require.Equal(t, cli.ExitLocked, code, stderr)
	require.Regexp(t, "^error: another run is still migrating( after .*)?\nHELD BY: pid ", stderr)
	first.signal(t, os.Interrupt)
}

func TestRetryForZeroDoesNotTryAgain(t *testing.T) {
	t.Parallel()
	url, dir := migratortest.Database(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_alter.sql"), []byte("alter table a add x int;\n"), 0o600))
	conn := dbtest.Connect(t, url)
	for _, sql := range []string{"create table a ()", "begin", "lock table a"} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	code, stderr := runCommand(t, url, "up", "--dir", dir, "--retry-for", "0s", "--lock-timeout", "100ms", "--timeout", "20s")
	require.Equal(t, cli.ExitFailed, code, stderr)
	require.NotContains(t, stderr, "tried again")
	require.Contains(t, stderr, "lock timeout")
	require.Contains(t, stderr, "STATE: rolled back; nothing of this file was applied")
}
