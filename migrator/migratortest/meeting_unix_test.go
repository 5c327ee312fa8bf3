//go:build linux || darwin

package migratortest

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestProcessesThatMeetShareAServerUntilTheGoCommandEnds(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	startedFrom(t)
	parent, end := goCommandLike(t)
	settings := unique()
	outcomes := make([]*outcome, 4)
	var all sync.WaitGroup
	for i := range outcomes {
		all.Go(func() { outcomes[i] = attend(t, parent, settings) })
	}
	all.Wait()
	starters := 0
	for _, o := range outcomes {
		require.Equal(t, outcomes[0].URL, o.URL)
		require.Equal(t, outcomes[0].Keeper, o.Keeper)
		if o.started {
			starters++
		}
	}
	require.Equal(t, 1, starters)
	require.Equal(t, "1", ask(t, dbtest.Connect(t, outcomes[0].URL), "select 1::text"))

	m := gather(t, parent, settings)
	info, err := m.root.Stat(serverFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	end()
	requireEnded(t, outcomes[0], m)
}

func TestOtherSettingsOrAnotherGoCommandMeetElsewhere(t *testing.T) {
	t.Parallel()
	parent, _ := goCommandLike(t)
	again := parent
	again.start += "0"
	dirs := map[string]bool{}
	for _, m := range []*meeting{gather(t, parent, "a"), gather(t, parent, "b"), gather(t, again, "a")} {
		dirs[m.dir] = true
		require.NoError(t, os.RemoveAll(m.dir))
	}
	require.Len(t, dirs, 3)
	require.NotEqual(t, settings(func(string) string { return "a" }), settings(func(string) string { return "b" }))
}

func TestAKilledKeeperTakesItsServerAlongAndIsReplaced(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	startedFrom(t)
	parent, end := goCommandLike(t)
	settings := unique()
	first := attend(t, parent, settings)
	keeper, err := os.FindProcess(first.Keeper)
	require.NoError(t, err)
	require.NoError(t, keeper.Kill())
	requireGone(t, address(t, first))

	second, m := attend(t, parent, settings), gather(t, parent, settings)
	require.True(t, second.started)
	require.NotEqual(t, first.Keeper, second.Keeper)
	require.Equal(t, "1", ask(t, dbtest.Connect(t, second.URL), "select 1::text"))
	end()
	requireEnded(t, second, m)
}

func TestAKeeperThatDiesEarlyIsToldAndLeavesNoServer(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	startedFrom(t)
	parent, end := goCommandLike(t)
	m := gather(t, parent, unique())
	require.NoError(t, m.root.Mkdir(serverFile+".new", 0o700)) // where it wants to write
	_, err := m.ask()
	require.ErrorContains(t, err, "the keeper of the server died")
	require.ErrorContains(t, err, serverFile+".new: is a directory")
	end()
	require.Eventually(t, func() bool { return isGone(m.dir) }, time.Minute, 10*time.Millisecond)
}

func TestAnErrorIsSharedToo(t *testing.T) {
	t.Setenv("MIGRATORTEST_SOURCE", "podman") // which the keeper inherits
	parent, end := goCommandLike(t)
	settings := unique()
	for _, started := range []bool{true, false} {
		o := attend(t, parent, settings)
		require.Equal(t, started, o.started)
		_, err := o.server()
		require.EqualError(t, err, `MIGRATORTEST_SOURCE is "podman" and may be url, docker, binaries, download`)
	}
	m := gather(t, parent, settings)
	end()
	require.Eventually(t, func() bool { return isGone(m.dir) }, time.Minute, 10*time.Millisecond)
}

func TestADirectoryThatOthersCouldHaveMadeIsNotUsed(t *testing.T) {
	t.Parallel()
	parent, end := goCommandLike(t)
	defer end()
	for name, plant := range map[string]func(t *testing.T, dir string){
		"open to others": func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.Chmod(dir, 0o755))
		},
		"a link to one of ours": func(t *testing.T, dir string) {
			ours := t.TempDir()
			require.NoError(t, os.Chmod(ours, 0o700))
			require.NoError(t, os.Symlink(ours, dir))
		},
		"a file": func(t *testing.T, dir string) { require.NoError(t, os.WriteFile(dir, nil, 0o600)) },
		"of another user": func(t *testing.T, dir string) {
			if os.Geteuid() != 0 {
				t.Skip("takes root to make")
			}
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.Chown(dir, 1, 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := gather(t, parent, name)
			require.NoError(t, os.Remove(m.dir))
			t.Cleanup(func() { require.NoError(t, os.RemoveAll(m.dir)) })
			plant(t, m.dir)
			_, err := meet(parent, name)
			require.ErrorContains(t, err, filepath.Base(m.dir))
		})
	}
}

func TestAProcessIsGoneWhenItEndedThoughNobodyAskedHow(t *testing.T) {
	t.Parallel()
	self, ok := look(os.Getpid())
	require.True(t, ok)
	require.True(t, self.alive())
	self.start += "0"
	require.False(t, self.alive(), "a number that was given again")

	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	p, ok := look(cmd.Process.Pid)
	require.True(t, ok)
	require.NoError(t, cmd.Process.Kill())
	require.Eventually(t, func() bool { return !p.alive() }, time.Minute, time.Millisecond)
	require.NoError(t, syscall.Kill(p.pid, 0), "its number is still taken")
	require.Error(t, cmd.Wait())
}

// goCommandLike is a process that stands for the go command.
func goCommandLike(t *testing.T) (_ process, end func()) {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	end = sync.OnceFunc(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	t.Cleanup(end)
	p, ok := look(cmd.Process.Pid)
	require.True(t, ok)
	return p, end
}

func gather(t *testing.T, parent process, settings string) *meeting {
	t.Helper()
	m, err := meet(parent, settings)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.root.Close() })
	return m
}

func attend(t *testing.T, parent process, settings string) *outcome {
	t.Helper()
	o, err := gather(t, parent, settings).ask()
	require.NoError(t, err)
	return o
}

func address(t *testing.T, o *outcome) string {
	t.Helper()
	u, err := url.Parse(o.URL)
	require.NoError(t, err)
	return u.Host
}

// requireEnded waits until server, keeper and directory are gone.
func requireEnded(t *testing.T, o *outcome, m *meeting) {
	t.Helper()
	requireGone(t, address(t, o))
	require.Eventually(t, func() bool { _, alive := look(o.Keeper); return !alive }, time.Minute, 10*time.Millisecond)
	require.True(t, isGone(m.dir))
}

func isGone(path string) bool {
	_, err := os.Lstat(path)
	return os.IsNotExist(err)
}
