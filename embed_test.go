package agentshaker_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
)

func TestMigrationsAreTheFolderItself(t *testing.T) {
	t.Parallel()

	onDisk, err := fs.Glob(os.DirFS("migrations"), "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, onDisk)
	require.NoError(t, fstest.TestFS(agentshaker.Migrations(), onDisk...))
	require.ElementsMatch(t, onDisk, names(t, agentshaker.Migrations()))
}

func TestEveryMigrationHasAHeaderAndAWayDown(t *testing.T) {
	t.Parallel()

	header := regexp.MustCompile(`^-- Migration: \S.*\n-- Created: \d{4}-\d\d-\d\d\n-- Description: \S.*\n`)
	files := agentshaker.Migrations()
	for _, name := range names(t, files) {
		text, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		require.Regexp(t, header, string(text), name)
		if !strings.HasSuffix(name, ".down.sql") {
			_, err = fs.Stat(files, strings.TrimSuffix(name, ".sql")+".down.sql")
			require.NoError(t, err, "%s has no partner", name)
		}
	}
}

func TestNoDirectoryMeansTheEmbeddedFiles(t *testing.T) {
	t.Parallel()

	files, err := agentshaker.Source("")
	require.NoError(t, err)
	require.Equal(t, names(t, agentshaker.Migrations()), names(t, files))
}

func TestADirectoryTakesThePlaceOfTheEmbeddedFiles(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	write(t, filepath.Join(dir, "001_mine.sql"), "select 1;")

	files, err := agentshaker.Source(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"001_mine.sql"}, names(t, files))
	text, err := fs.ReadFile(files, "001_mine.sql")
	require.NoError(t, err)
	require.Equal(t, "select 1;", string(text))
}

func TestADirectoryThatCannotBeOpenedIsNamedWithItsVariable(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "001_mine.sql")
	write(t, file, "select 1;")
	for name, dir := range map[string]string{
		"missing": filepath.Join(t.TempDir(), "missing"),
		"a file":  file,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			files, err := agentshaker.Source(dir)
			require.Nil(t, files)
			require.ErrorContains(t, err, "MIGRATIONS_DIR")
			require.ErrorContains(t, err, dir)
		})
	}

	_, err := agentshaker.Source(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestALinkOutOfTheDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	withoutLinks(t)

	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "hunter2")
	dir := t.TempDir()
	relative, err := filepath.Rel(dir, outside)
	require.NoError(t, err)
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "001_absolute.sql")))
	require.NoError(t, os.Symlink(relative, filepath.Join(dir, "002_relative.sql")))
	require.NoError(t, os.Symlink(filepath.Dir(outside), filepath.Join(dir, "folder")))

	files, err := agentshaker.Source(dir)
	require.NoError(t, err)
	for _, name := range []string{"001_absolute.sql", "002_relative.sql", "folder/secret"} {
		text, err := fs.ReadFile(files, name)
		require.ErrorContains(t, err, "escapes", name)
		require.Empty(t, text)
	}
}

func TestLinksWithinTheDirectoryAreFollowed(t *testing.T) {
	t.Parallel()
	withoutLinks(t)

	// The shape of a mounted ConfigMap: the names lead through a link to a folder that changes at once.
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "..2026_11_22"), 0o755))
	write(t, filepath.Join(dir, "..2026_11_22", "001_mine.sql"), "select 1;")
	require.NoError(t, os.Symlink("..2026_11_22", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink(filepath.Join("..data", "001_mine.sql"), filepath.Join(dir, "001_mine.sql")))

	files, err := agentshaker.Source(dir)
	require.NoError(t, err)
	text, err := fs.ReadFile(files, "001_mine.sql")
	require.NoError(t, err)
	require.Equal(t, "select 1;", string(text))
}

func names(t *testing.T, files fs.FS) []string {
	t.Helper()
	found, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	return found
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// withoutLinks leaves a test out on Windows, where making a link takes a privilege that a user does not have.
func withoutLinks(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("making symbolic links takes a privilege on Windows")
	}
}
