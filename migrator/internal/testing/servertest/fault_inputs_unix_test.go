//go:build unix

package servertest

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestALinkThatLeadsAstrayIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	secret := filepath.Join(base, "secret.sql")
	require.NoError(t, os.WriteFile(secret, []byte("create table secret ();"), 0o600))
	for name, target := range map[string]string{
		"out of the folder": "../secret.sql", "out of the folder by its whole path": secret, "to itself": "002_x.sql", "to nothing": "nowhere.sql", "to the folder": ".",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			dir, err := os.MkdirTemp(base, "migrations")
			require.NoError(t, err)
			require.NoError(t, os.CopyFS(dir, files("001_good.sql", "create table out ();\n", "003_good.sql", "select 1;\n")))
			require.NoError(t, os.Symlink(target, filepath.Join(dir, "002_x.sql")))
			_, err = applyFolder(t, url, dir, migrator.Config{})
			var refused *migrator.FileError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "002_x.sql", refused.Path)
			require.Regexp(t, "^002_x.sql: (cannot be read: |is a directory\nHINT: )", err.Error())
			require.Empty(t, relations(t, url))
		})
	}
}

func TestALinkWithinTheFolderIsFollowed(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, files("shared/good", "create table out ();\n")))
	require.NoError(t, os.Symlink("shared/good", filepath.Join(dir, "001_good.sql")))
	_, err := applyFolder(t, url, dir, migrator.Config{})
	require.NoError(t, err)
	require.Equal(t, []string{"out", "schema_migrations", "001_good.sql"}, relations(t, url))
}

func TestAFileThatMayNotBeReadIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, files("001_good.sql", "create table out ();\n", "003_good.sql", "select 1;\n")))
	if os.Getuid() == 0 { // who may read everything, but not wait for the other end of a pipe
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "002_x.sql"), 0o600))
	} else {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "002_x.sql"), nil, 0))
	}
	_, err := applyFolder(t, url, dir, migrator.Config{})
	var refused *migrator.FileError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "002_x.sql", refused.Path)
	if os.Getuid() != 0 {
		require.ErrorIs(t, err, fs.ErrPermission)
	}
	require.Empty(t, relations(t, url))
}
