package devpg

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

const developer = 4242 // a number without a name, as a volume's owner may be in a container

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root has a server of another user")
	}
}

func TestADirectoryThatAnotherUserHasFilledIsRefused(t *testing.T) {
	t.Parallel()
	asRoot(t)
	victim := filepath.Join(publicDir(t), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("untouched"), 0o600))
	for _, name := range []string{logName, lockName, passwordName, clusterName, newClusterName} {
		for _, owner := range []int{developer, 0} {
			data := publicDir(t)
			require.NoError(t, os.Symlink(victim, filepath.Join(data, name)))
			require.NoError(t, os.Lchown(filepath.Join(data, name), owner, owner))
			require.NoError(t, os.Chown(data, owner, owner))
			_, err := Start(t.Context(), Options{Data: data})
			if owner == 0 {
				require.ErrorContains(t, err, "has a link in place of "+name)
			} else {
				require.ErrorContains(t, err, "belongs to another user")
			}
			require.Equal(t, owner, owned(t, data))
		}
	}
	hard := publicDir(t)
	require.NoError(t, os.Link(victim, filepath.Join(hard, logName)))
	_, err := Start(t.Context(), Options{Data: hard})
	require.ErrorContains(t, err, "has a link in place of server.log")
	text, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "untouched", string(text))
	require.Zero(t, owned(t, victim))
}

func TestAClusterWhereAnybodyMayPutOneIsRefused(t *testing.T) {
	t.Parallel()
	asRoot(t)
	shared := publicDir(t)
	require.NoError(t, os.Chmod(shared, 0o777|fs.ModeSticky))
	data := filepath.Join(shared, "data")
	require.NoError(t, os.MkdirAll(filepath.Join(data, clusterName), 0o700))
	for _, path := range []string{data, filepath.Join(data, clusterName)} {
		require.NoError(t, os.Chown(path, developer, developer))
	}
	_, err := Start(t.Context(), Options{Data: data})
	require.ErrorContains(t, err, "belongs to another user")
}

func TestAVolumeOfADeveloperIsUsed(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	asRoot(t)
	data := filepath.Join(publicDir(t), "data")
	require.NoError(t, os.Mkdir(data, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(data), 0o755)) // a stranger cannot have put it there
	require.NoError(t, os.Chown(data, developer, developer))
	for range 2 {
		s := started(t, Options{Data: data})
		require.Equal(t, "1", query(t, s, "select 1"))
		require.NoError(t, s.Stop())
	}
	require.NoError(t, filepath.WalkDir(data, func(path string, _ fs.DirEntry, err error) error {
		require.NoError(t, err)
		return os.Lchown(path, developer, developer)
	}))
	s := started(t, Options{Data: data})
	require.Equal(t, "1", query(t, s, "select 1"), "the server goes on as the cluster's owner")
}

// Not parallel, as variables belong to the whole process.
func TestTheServerGetsNoSecretsOfOurEnvironment(t *testing.T) {
	dbtest.Slow(t)
	t.Setenv("DATABASE_URL", "postgres://app:s3cr3t@db/shop")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
	t.Setenv("PGPASSWORD", "s3cr3t")
	s := started(t, Options{})
	for _, pid := range []int{s.PID(), s.watchdog.cmd.Process.Pid} {
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		require.NoError(t, err)
		require.Contains(t, string(environment), "PATH=")
		require.NotContains(t, string(environment), "s3cr3t")
	}
}
