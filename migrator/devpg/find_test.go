//go:build !windows

package devpg

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindPrefersThePathAndFollowsItsLinks(t *testing.T) {
	dir := publicDir(t)
	cellar := fakeBinaries(t, filepath.Join(dir, "cellar", "bin"), "16.1")
	path := filepath.Join(dir, "path")
	require.NoError(t, os.Mkdir(path, 0o755))
	require.NoError(t, os.Symlink(filepath.Join(cellar, "postgres"), filepath.Join(path, "postgres")))
	t.Setenv("PATH", path)
	bin, err := Find()
	require.NoError(t, err)
	require.Equal(t, cellar, bin)
}

func TestFindAsksPgConfig(t *testing.T) {
	dir := publicDir(t)
	bin := fakeBinaries(t, filepath.Join(dir, "somewhere"), "16.1")
	path := filepath.Join(dir, "path")
	require.NoError(t, os.Mkdir(path, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(path, "pg_config"), []byte("#!/bin/sh\n[ $1 = --bindir ] && echo "+bin+"\n"), 0o755))
	t.Setenv("PATH", path)
	found, err := Find()
	require.NoError(t, err)
	require.Equal(t, bin, found)
}

func TestFindTakesTheNewestPackageThatWorks(t *testing.T) {
	dir := publicDir(t)
	t.Setenv("PATH", "")
	t.Cleanup(func(places []string) func() { return func() { packaged = places } }(packaged))
	packaged = []string{filepath.Join(dir, "lib", "*", "bin")}
	for _, version := range []string{"9.6", "10.3", "14.1", "latest"} {
		fakeBinaries(t, filepath.Join(dir, "lib", version, "bin"), version)
	}
	broken := fakeBinaries(t, filepath.Join(dir, "lib", "100", "bin"), "100")
	require.NoError(t, os.WriteFile(filepath.Join(broken, "postgres"), []byte("#!/bin/sh\necho no libssl; exit 1\n"), 0o755))

	bin, err := Find()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "lib", "14.1", "bin"), bin)

	for _, version := range []string{"14.1", "10.3"} {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "lib", version)))
	}
	_, err = Find()
	require.ErrorContains(t, err, "no libssl")
	require.ErrorContains(t, err, "PostgreSQL 9.6 is too old, the oldest that will do is 10")
}

func TestBinariesHaveToBeComplete(t *testing.T) {
	t.Parallel()
	bin := fakeBinaries(t, filepath.Join(publicDir(t), "bin"), "16.1")
	require.NoError(t, os.Remove(filepath.Join(bin, "initdb")))
	_, err := Start(t.Context(), Options{Binaries: bin})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, filepath.Join(bin, "initdb"))
}

// fakeBinaries makes programs that can tell their version and nothing else.
func fakeBinaries(t *testing.T, bin, version string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(bin, 0o755))
	for _, name := range programs {
		text := "#!/bin/sh\necho '" + name + " (PostgreSQL) " + version + " (Debian)'\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755))
	}
	return bin
}
