package archive_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/archive"
)

// sameAsTxtar compares with the package that the format comes from.
func sameAsTxtar(t *testing.T, text string) {
	t.Helper()
	want := txtar.Parse([]byte(text))
	got := archive.Parse(text)
	require.Equal(t, string(want.Comment), got.Comment, "%q", text)
	require.Len(t, got.Files, len(want.Files), "%q", text)
	for i, f := range want.Files {
		require.Equal(t, archive.File{Name: f.Name, Data: string(f.Data)}, got.Files[i], "%q", text)
	}
	require.Equal(t, string(txtar.Format(want)), got.String(), "%q", text)
}

func TestAnArchiveIsReadAndWrittenAsTxtarDoes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "a", "a\n", "-- a --", "-- a --\n", "a\n-- b --\nc", "-- a --\n-- b --\n\n", "--  a  --\nx\n", "-- a--\n", "--a --\n", "--  --\n",
		" -- a --\n", "x -- a --\n", "-- a -- \nb\n", "-- a --\r\nb\r\n", "-- a -- b --\n", "\n\n-- a --\n\n",
	} {
		sameAsTxtar(t, text)
	}
}

func TestTheArchivesOfTheRepositoryAreReadAsTxtarDoes(t *testing.T) {
	t.Parallel()
	n := 0
	require.NoError(t, filepath.WalkDir("../../../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".txtar") {
			return err
		}
		n++
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		sameAsTxtar(t, string(text))
		a, err := archive.Read(path)
		require.NoError(t, err)
		copied := filepath.Join(t.TempDir(), "copy.txtar")
		require.NoError(t, a.Write(copied))
		again, err := archive.Read(copied)
		require.NoError(t, err)
		require.Equal(t, a, again, path)
		return nil
	}))
	require.Greater(t, n, 50)
	_, err := archive.Read("nowhere.txtar")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
