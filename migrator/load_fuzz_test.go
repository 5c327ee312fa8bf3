package migrator

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// FuzzLoad takes one file name from each line.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "1_a.sql", "001_a.sql\n01_a.sql\n1_a.sql\n1_b.sql", "1_a.sql\n1_a.down.sql\n1_a.up.sql", "1_a.sql.sql\n1_a.sql", "1_a.up.up.sql\n1_a.up.sql",
		"0_a.sql\n00_b.sql\n000_c.down.sql", "init.sql\nREADME\n2_b.SQL\n.sql", "1.sql\n1-a.down.sql\n1_a.down.sql", "18446744073709551616_a.sql\n9_a.sql", "1_\xff.sql\n1_\x01.sql",
		"R_a.sql\nR_b.sql\n1_a.sql", "R_a.sql\nR_a.up.sql\nR_a.down.sql", "R_.sql\nR_1.sql\nR_a.SQL\nR_0", "R_a.sql\nR_a.sql.sql\nr_a.sql\n1_a.sql\n01_R_.sql",
		"V1__a.sql\nR__b.sql\n1_c.sql", "R__b.sql\nR_c.sql", "U1__a.sql\nV__b.sql\nV1_c.sql\n2_d.sql",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		fsys := fstest.MapFS{}
		for name := range strings.SplitSeq(lines, "\n") {
			if name != "" && name != "." && name != ".." && !strings.Contains(name, "/") && len(fsys) < 50 {
				fsys[name] = &fstest.MapFile{Data: []byte("select 1;\n")}
			}
		}
		migrations, err := Load(fsys)
		if len(migrations) == 0 {
			require.Error(t, err, "nothing is read: %q", lines)
		}
		skipped, skipping := Skipped(fsys)
		require.NoError(t, skipping)

		seen := map[string]int{} // how often each name is accounted for
		for i, m := range migrations {
			require.Equal(t, string(m.Version), m.Up.Path)
			require.True(t, i == 0 || migrations[i-1].Version.Compare(m.Version) < 0, "in order: %q", lines)
			seen[m.Up.Path]++
			if m.Down != nil {
				require.Equal(t, m.Version.stem()+".down.sql", m.Down.Path)
				seen[m.Down.Path]++
			}
		}
		for _, name := range append(skipped, refusedPaths(t, err)...) {
			seen[name]++
		}
		for name := range fsys {
			if isSQL(name) {
				// Of a pair with the same stem the second one is both read and refused.
				require.NotZero(t, seen[name]+seen[strconv.QuoteToASCII(name)], "%q is left out in silence", name)
			} else {
				require.Zero(t, seen[name], name)
			}
		}
		if err == nil {
			require.Len(t, seen, len(skipped)+len(migrations)+downs(migrations))
			eachIsFound(t, migrations)
		}
	})
}

// refusedPaths are the files that Load complains about.
func refusedPaths(t *testing.T, err error) []string {
	var paths []string
	if errors.Is(err, ErrNoMigrations) {
		return nil // what is left out is what Skipped returns
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, problem := range joined.Unwrap() {
			var refused *FileError
			require.ErrorAs(t, problem, &refused)
			require.NotEmpty(t, refused.Hint, "%v", refused)
			paths = append(paths, refused.Path)
		}
	} else {
		require.NoError(t, err)
	}
	return paths
}

func downs(migrations []Migration) int {
	n := 0
	for _, m := range migrations {
		if m.Down != nil {
			n++
		}
	}
	return n
}

// eachIsFound checks what a person may type for each of the migrations.
func eachIsFound(t *testing.T, migrations []Migration) {
	for _, m := range migrations {
		found, err := FindVersion(migrations, string(m.Version))
		require.NoError(t, err)
		require.Equal(t, m.Version, found)

		stem := m.Version.stem()
		found, err = FindVersion(migrations, stem)
		require.NoError(t, err)
		if found != m.Version {
			require.Equal(t, stem, string(found), "a whole name comes before a name without its suffix")
		}

		if m.Version.Repeatable() {
			continue // has no number
		}
		var same []Version
		for _, other := range migrations {
			if !other.Version.Repeatable() && other.Version.number() == m.Version.number() {
				same = append(same, other.Version)
			}
		}
		for _, typed := range []string{string(m.Version[:digits(string(m.Version))]), "0" + m.Version.number()} {
			found, err = FindVersion(migrations, typed)
			if len(same) == 1 {
				require.NoError(t, err)
				require.Equal(t, m.Version, found)
				continue
			}
			var ambiguous *VersionError
			require.ErrorAs(t, err, &ambiguous, "%q means one of %q, and not %q", typed, same, found)
			slices.Sort(same)
			require.Equal(t, same, ambiguous.Candidates)
		}
	}
}
