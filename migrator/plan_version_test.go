package migrator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAVersionIsFoundByWhatAPersonTypes(t *testing.T) {
	t.Parallel()
	migrations := loaded(t, "000_zero.sql", "", "003_daily_standups.sql", "", "004_x.up.sql", "", "010_a.sql", "", "010_b.sql", "", "10_c.sql", "",
		"18446744073709551616_beyond.sql", "")
	for typed, want := range map[string]Version{
		"3": "003_daily_standups.sql", "003": "003_daily_standups.sql", "00000003": "003_daily_standups.sql",
		"003_daily_standups": "003_daily_standups.sql", "003_daily_standups.sql": "003_daily_standups.sql",
		"4": "004_x.up.sql", "004_x": "004_x.up.sql", "004_x.up.sql": "004_x.up.sql",
		"0": "000_zero.sql", "00": "000_zero.sql",
		"010_a": "010_a.sql", "10_c": "10_c.sql",
		"18446744073709551616": "18446744073709551616_beyond.sql",
	} {
		got, err := FindVersion(migrations, typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got, typed)
	}
	for typed, want := range map[string]string{
		"":                    `there is no migration ""`,
		"7":                   `there is no migration "7"`,
		"daily_standups":      `there is no migration "daily_standups"`,
		"003_daily":           `there is no migration "003_daily"`,
		"3_daily_standups":    `there is no migration "3_daily_standups"`,
		"+3":                  `there is no migration "+3"`,
		"3.sql":               `there is no migration "3.sql"`,
		"004_x.down.sql":      `there is no migration "004_x.down.sql"`,
		"10":                  `"10" is ambiguous: 010_a.sql, 010_b.sql, 10_c.sql`,
		"010":                 `"010" is ambiguous: 010_a.sql, 010_b.sql, 10_c.sql`,
		"003_daily_standups ": `there is no migration "003_daily_standups "`,
	} {
		_, err := FindVersion(migrations, typed)
		var missing *VersionError
		require.ErrorAs(t, err, &missing, typed)
		require.Equal(t, typed, missing.Typed)
		require.EqualError(t, err, want)
	}
}

func TestATargetFindsVersionsInTheHistoryToo(t *testing.T) {
	t.Parallel()
	moves, _, err := choose(versions("1 2 3"), compare(versions("1 2 3"), rows("1 9_b 9_a")), UpTo("9"), false)
	var several *VersionError
	require.ErrorAs(t, err, &several)
	require.Equal(t, []Version{"9_a_x.sql", "9_b_x.sql"}, several.Candidates)
	require.Empty(t, moves)
}

func TestARowWithoutANumberIsNotFoundByZero(t *testing.T) {
	t.Parallel()
	_, err := findStatus([]Status{{Version: "by hand"}, {Version: ""}}, "0")
	require.Error(t, err)
}
