package migrator

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestAFileNameTellsWhatTheFileIs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]fileName{
		"001_init.sql":                       {upFile, "001_init"},
		"001_init.up.sql":                    {upFile, "001_init"},
		"001_init.down.sql":                  {downFile, "001_init"},
		"1_a.sql":                            {upFile, "1_a"},
		"20261122120000_add.sql":             {upFile, "20261122120000_add"},
		"18446744073709551616_x.down.sql":    {downFile, "18446744073709551616_x"},
		"001__private.sql":                   {upFile, "001__private"},
		"001_two words.sql":                  {upFile, "001_two words"},
		"001_v1.2.sql":                       {upFile, "001_v1.2"},
		"001_brønnøysund_æøå.sql":            {upFile, "001_brønnøysund_æøå"},
		"001_o'clock \"x\" $migrator$ %.sql": {upFile, "001_o'clock \"x\" $migrator$ %"},
		"001_shut_down.sql":                  {upFile, "001_shut_down"},
		"001_down.sql":                       {upFile, "001_down"},
		"001_up.up.sql":                      {upFile, "001_up"},

		"init.sql":            {},
		"_001_init.sql":       {},
		".001_init.sql":       {},
		"-1_x.sql":            {},
		"V1__init.sql":        {},
		"١_arabic_digit.sql":  {},
		"bootstrap.SQL":       {},
		".sql":                {},
		"R_views":             {},
		"r_views.sql":         {},
		"Rviews.sql":          {},
		"001_init":            {},
		"001_init.sql.bak":    {},
		"001_init.sql~":       {},
		"001_notes.md":        {},
		"001":                 {},
		"":                    {},
		"\xff.sql":            {},
		"atlas.sum":           {},
		"embed.go":            {},
		"not a migration.sql": {},
	} {
		got, err := parseName(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
}

func TestANameThatMeansToBeAMigrationAndDoesNotFitIsRefusedWithOneThatWould(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"R_.sql":              {"is not named R_name.sql", "rename it to R_name.sql"},
		"R_views.SQL":         {"the suffix is not .sql", "rename it to R_views.sql"},
		"R_views.down.sql":    {"a repeatable migration is not reverted", "delete it; to take back what the other file does, change that one, and it runs again"},
		"R_views.DOWN.sql":    {"a repeatable migration is not reverted", "delete it; to take back what the other file does, change that one, and it runs again"},
		"R_.down.sql":         {"a repeatable migration is not reverted", "delete it; to take back what the other file does, change that one, and it runs again"},
		"001.sql":             {"is not named NNN_name.sql", "rename it to 001_name.sql"},
		"001_.sql":            {"is not named NNN_name.sql", "rename it to 001_name.sql"},
		"001-init.sql":        {"is not named NNN_name.sql", "rename it to 001_init.sql"},
		"001 init.sql":        {"is not named NNN_name.sql", "rename it to 001_init.sql"},
		"001.undo.sql":        {"is not named NNN_name.sql", "rename it to 001_name.down.sql"},
		"001.undo.init.sql":   {"is not named NNN_name.sql", "rename it to 001_init.down.sql"},
		"001.Down.a.b.sql":    {"is not named NNN_name.sql", "rename it to 001_a.b.down.sql"},
		"001.downs.sql":       {"is not named NNN_name.sql", "rename it to 001_downs.sql"},
		"001.init.sql":        {"is not named NNN_name.sql", "rename it to 001_init.sql"},
		"001init.sql":         {"is not named NNN_name.sql", "rename it to 001_init.sql"},
		"1.2_init.sql":        {"is not named NNN_name.sql", "rename it to 1_2_init.sql"},
		"001_init.SQL":        {"the suffix is not .sql", "rename it to 001_init.sql"},
		"001-init.SQL":        {"the suffix is not .sql", "rename it to 001_init.sql"},
		"001.Sql":             {"the suffix is not .sql", "rename it to 001_name.sql"},
		"001-init.down..sql":  {"is not named NNN_name.sql", "rename it to 001_init.down..sql"},
		"001_bell\a.sql":      {"the name holds characters that cannot be printed", "rename it"},
		"001_line\nbreak.sql": {"the name holds characters that cannot be printed", "rename it"},
		"001_c1\u0085.sql":    {"the name holds characters that cannot be printed", "rename it"},
		"001_latin1_\xe6.sql": {"the name holds characters that cannot be printed", "rename it"},
		"001_" + strings.Repeat("x", 248) + ".sql":    {"the name is longer than 255 characters", "shorten it"},
		"001_" + strings.Repeat("æ", 248) + ".sql":    {"the name is longer than 255 characters", "shorten it"},
		"001_" + strings.Repeat("x", 248) + ".up.sql": {"the name is longer than 255 characters", "shorten it"},
	} {
		_, err := parseName(name)
		var refused *FileError
		require.ErrorAs(t, err, &refused, name)
		path := name
		if want[1] == "rename it" {
			path = strconv.QuoteToASCII(name)
		}
		require.Equal(t, FileError{Path: path, Message: want[0], Hint: want[1]}, *refused)
	}
}

func TestANameMayBeAsLongAsTheHistoryHolds(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"x", "æ"} {
		name := "001_" + strings.Repeat(letter, 247) + ".sql"
		require.Equal(t, maxVersion, utf8.RuneCountInString(name))
		_, err := parseName(name)
		require.NoError(t, err)
	}
}

func TestADownFileIsNeverTakenForOneThatApplies(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"001_init.DOWN.sql", "001_init.Down.sql", "001_init.DOWN.SQL"} {
		got, err := parseName(name)
		if err == nil {
			require.Equal(t, fileName{downFile, "001_init"}, got, name)
		}
		var refused *FileError
		if errors.As(err, &refused) {
			require.NotContains(t, refused.Hint, ".DOWN.sql", "%s: whoever follows the hint gets a file that applies", name)
		}
	}
}

// In lower case these letters have another length.
func TestALetterOfAnyLanguageHidesNoSuffix(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"İ", "Ⱥ", "\u212a", "ẞ"} {
		got, err := parseName("001_" + letter + ".down.sql")
		require.NoError(t, err, letter)
		require.Equal(t, fileName{downFile, "001_" + letter}, got)
		got, err = parseName("001_" + letter + ".up.sql")
		require.NoError(t, err, letter)
		require.Equal(t, fileName{upFile, "001_" + letter}, got)
		got, _ = parseName("001_" + letter + ".DOWN.sql")
		require.NotEqual(t, upFile, got.kind, letter)
	}
}

func TestTheNameThatIsSuggestedForADownFileIsThatOfADownFile(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"001_init.down.Sql":    "rename it to 001_init.down.sql",
		"001.down.sql":         "rename it to 001_name.down.sql",
		"001_.down.sql":        "rename it to 001_name.down.sql",
		"001-init.down.sql":    "rename it to 001_init.down.sql",
		"001 a thing.down.sql": "rename it to 001_a thing.down.sql",
	} {
		_, err := parseName(name)
		var refused *FileError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, want, refused.Hint, name)
	}
}

func TestTheErrorAboutANameThatCannotBePrintedDoesNotPrintIt(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"001_\x1b[2J.sql", "001\n_init.sql", "001_\xe6.sql", "1\x00.SQL"} {
		_, err := parseName(name)
		require.Error(t, err)
		for _, r := range err.Error() {
			require.True(t, r == '\n' || (!unicode.IsControl(r) && r != utf8.RuneError), "%q in %q", r, err.Error())
		}
		require.NotContains(t, err.Error(), "001\n_init")
	}
}

func TestTheStemOfAVersionIsWhatAPersonTypes(t *testing.T) {
	t.Parallel()
	for version, want := range map[Version]string{
		"001_init.sql": "001_init", "001_init.up.sql": "001_init", "001_init": "001_init", "001_up.sql": "001_up", "": "",
	} {
		require.Equal(t, want, version.stem())
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{
		"001_init.sql", "001_init.up.sql", "001_init.down.sql", "1.sql", "1_.sql", "1-x.SQL", "1_x.up.down.sql", "1_x.down.up.sql",
		"init.sql", "", ".sql", "0", "1_\x00.sql", "1_\xff.sql", "1_æ.sql", "1_.down.sql", "1_İ.down.sql", "1-x.down..sql", "1-.up.SQL", "1.undo.sql", "1.Down.x.sql", "1.down",
		"R_v.sql", "R_.sql", "R_v.up.SQL", "R_v.DOWN.sql", "R_.down.sql", "R__v.sql", "R_\xff.sql", "R_", "R_v", "r_v.sql",
	} {
		f.Add(seed)
	}
	for _, letter := range []string{"x", "æ"} {
		f.Add("1_" + strings.Repeat(letter, maxVersion-6) + ".sql")
		f.Add("1_" + strings.Repeat(letter, maxVersion-5) + ".sql")
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := parseName(name)
		repeatable := strings.HasPrefix(name, "R_")
		meant := (repeatable || digits(name) > 0) && strings.HasSuffix(strings.ToLower(name), ".sql")
		if err != nil {
			var refused *FileError
			require.ErrorAs(t, err, &refused)
			require.True(t, meant, "only what means to be a migration is refused")
			require.Contains(t, []string{name, strconv.QuoteToASCII(name)}, refused.Path)
			require.NotEmpty(t, refused.Hint)
			require.Zero(t, got)
			require.True(t, !strings.Contains(refused.Message, "longer") || utf8.RuneCountInString(name) > maxVersion)
			theHintHelps(t, name, refused.Hint)
			return
		}
		require.Equal(t, meant, got.kind != notAMigration, "nothing is left out in silence")
		switch got.kind {
		case upFile:
			require.Contains(t, []string{got.stem + ".sql", got.stem + ".up.sql"}, name)
			require.Equal(t, got.stem, Version(name).stem())
			require.False(t, strings.HasSuffix(name, ".down.sql"))
		case downFile:
			require.Equal(t, got.stem+".down.sql", name)
			require.False(t, repeatable, "nothing takes it back")
		case notAMigration:
			require.Empty(t, got.stem)
			return
		}
		require.True(t, utf8.ValidString(name))
		require.LessOrEqual(t, utf8.RuneCountInString(name), maxVersion)
		require.False(t, strings.ContainsFunc(name, unicode.IsControl))
		require.Regexp(t, `^([0-9]+|R)_.`, got.stem)
	})
}

// theHintHelps checks that a suggested name, where there is one, is taken, and for a file of the same kind and number.
func theHintHelps(t *testing.T, name, hint string) {
	better, ok := strings.CutPrefix(hint, "rename it to ")
	if !ok {
		return
	}
	require.Equal(t, digits(name), digits(better))
	require.Equal(t, name[:digits(name)], better[:digits(better)])
	require.Equal(t, Version(name).Repeatable(), Version(better).Repeatable())
	got, err := parseName(better)
	if err != nil {
		require.ErrorContains(t, err, "the name is longer", "%q is refused as well", better)
		return
	}
	reverts := strings.HasSuffix(strings.ToLower(name), ".down.sql")
	if words, ok := strings.CutPrefix(name[digits(name):len(name)-len(".sql")], "."); ok && !Version(name).Repeatable() {
		word, _, _ := strings.Cut(strings.TrimLeft(words, "-. _"), ".")
		reverts = reverts || isBackWord(word)
	}
	require.Equal(t, reverts, got.kind == downFile, "%q for %q", better, name)
}
