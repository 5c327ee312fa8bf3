//go:build unix

package migrator

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLinksAreFollowedWithinTheFolderAndNoFurther(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := filepath.Join(base, "migrations")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "shared"), 0o755))
	write := func(path, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(base, path), []byte(text), 0o600))
	}
	link := func(target, name string) { require.NoError(t, os.Symlink(target, filepath.Join(dir, name))) }
	write("secret", "the password is")
	write("migrations/shared/one", "select 1;")
	link("shared/one", "1_inside.sql")

	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	migrations, err := Load(root.FS())
	require.NoError(t, err)
	require.Equal(t, "select 1;", migrations[0].Up.SQL)
	require.Equal(t, Version("1_inside.sql"), migrations[0].Version)

	link("../secret", "2_out.sql")
	link(filepath.Join(base, "secret"), "3_absolute.sql")
	link("4_loop.sql", "4_loop.sql")
	link("nowhere", "5_dangling.sql")
	link("shared", "6_dir.sql")
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "7_fifo.sql"), 0o600))
	texts := problems(t, loadedInTime(t, root.FS()))
	require.Len(t, texts, 6)
	for i, want := range []string{
		"2_out.sql: cannot be read: ", "3_absolute.sql: cannot be read: ", "4_loop.sql: cannot be read: ", "5_dangling.sql: cannot be read: ",
		"6_dir.sql: is a directory", "7_fifo.sql: is not a regular file",
	} {
		require.Contains(t, texts[i], want)
	}
	require.NotContains(t, strings.Join(texts, "\n"), "password")
}

// loadedInTime is the error of Load, which would read a fifo for ever.
func loadedInTime(t *testing.T, fsys fs.FS) error {
	t.Helper()
	loaded := make(chan error, 1)
	go func() {
		_, err := Load(fsys)
		loaded <- err
	}()
	select {
	case err := <-loaded:
		return err
	case <-time.After(20 * time.Second):
		require.Fail(t, "waits for the fifo")
		return nil
	}
}

func TestNoLinkIsFollowedToSeeWhatLiesBelow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "1_a.sql"), nil, 0o600))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, "link")))
	for _, fsys := range []fs.FS{os.DirFS(dir), openRoot(t, dir)} {
		_, err := Load(fsys)
		require.ErrorContains(t, err, "no migrations: the folder holds link\n")
		skipped, err := Skipped(fsys)
		require.NoError(t, err)
		require.Empty(t, skipped)
	}
}

func openRoot(t *testing.T, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return root.FS()
}
