package sqllex_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A case of testdata, whose README describes the format.
type splitCase struct {
	name, src, want string
}

func splitCases(t testing.TB) []splitCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var cases []splitCase
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		require.NoError(t, err)
		topic := strings.TrimSuffix(filepath.Base(path), ".txtar")
		for _, file := range archive.Files {
			text := strings.NewReplacer("␍", "\r", "␋", "\v", "⍽", "\u00a0").Replace(string(file.Data))
			end := wanted.FindStringIndex(text + "=> ")[0]
			cases = append(cases, splitCase{
				name: topic + "/" + file.Name,
				src:  strings.TrimSuffix(text[:end], "\n"),
				want: text[end:],
			})
		}
	}
	return cases
}

var wanted = regexp.MustCompile(`(?m)^(=> |error )`)

func TestSplitFollowsTheServer(t *testing.T) {
	t.Parallel()
	for _, c := range splitCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			statements, err := sqllex.Split(c.src)
			var got strings.Builder
			for _, s := range statements {
				fmt.Fprintf(&got, "=> %s\n", s.Text(c.src))
			}
			if at := (*sqllex.Error)(nil); errors.As(err, &at) {
				line, column := sqllex.Position(c.src, at.Offset)
				fmt.Fprintf(&got, "error %d:%d %s\n", line, column, at)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.want, got.String())
		})
	}
}
