package history

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheNameOfTheHistoryTableIsTakenAsItIsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		table     Table
		sql, text string
	}{
		"":                       {Table{"", "schema_migrations"}, `"schema_migrations"`, "schema_migrations"},
		"history":                {Table{"", "history"}, `"history"`, "history"},
		"app.history":            {Table{"app", "history"}, `"app"."history"`, "app.history"},
		"App.My History":         {Table{"App", "My History"}, `"App"."My History"`, "App.My History"},
		"æ.o'clock":              {Table{"æ", "o'clock"}, `"æ"."o'clock"`, "æ.o'clock"},
		strings.Repeat("x", 54):  {Table{"", strings.Repeat("x", 54)}, `"` + strings.Repeat("x", 54) + `"`, strings.Repeat("x", 54)},
		`$table`:                 {Table{"", "$table"}, `"$table"`, "$table"},
		"schema_migrations; -- ": {Table{"", "schema_migrations; -- "}, `"schema_migrations; -- "`, "schema_migrations; -- "},
	} {
		got, err := ParseTable(text)
		require.NoError(t, err, text)
		require.Equal(t, want.table, got, text)
		require.Equal(t, want.sql, got.SQL(), text)
		require.Equal(t, want.text, got.String(), text)
	}
}

func TestANameThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{".", "a.", ".b", "a.b.c", `"a"`, `a."b"`, "a\x00b"} {
		_, err := ParseTable(text)
		require.EqualError(t, err, fmt.Sprintf("history table %q", text)+": want a name such as schema_migrations or app.schema_migrations, of 54 bytes at most, and 63 in the schema's")
	}
}

// PostgreSQL cuts it, and then the table that was made is not the one that is looked for.
func TestANameLongerThanPostgreSQLTakesIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("x", 64), "app." + strings.Repeat("x", 64), strings.Repeat("x", 64) + ".history", strings.Repeat("æ", 32)} {
		_, err := ParseTable(text)
		require.Error(t, err, text)
	}
}

// Runners of different releases wait for each other only as long as these stay what they are.
func TestTheKeyOfTheRunLockNeverChanges(t *testing.T) {
	t.Parallel()
	for want, tbl := range map[int64]Table{
		-7380834864027305666: {"public", "schema_migrations"},
		-2844730710379203732: {"app", "schema_migrations"},
		8478933474049786403:  {"public", "history"},
	} {
		require.Equal(t, want, tbl.LockKey(), tbl)
	}
}

func TestTablesThatDifferHaveLocksThatDiffer(t *testing.T) {
	t.Parallel()
	keys := map[int64]Table{}
	for _, tbl := range []Table{{"a", "b"}, {"b", "a"}, {"ab", ""}, {"", "ab"}, {"a.b", "c"}, {"a", "b.c"}, {"A", "b"}} {
		require.NotContains(t, keys, tbl.LockKey())
		keys[tbl.LockKey()] = tbl
	}
}
