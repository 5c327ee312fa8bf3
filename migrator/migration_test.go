package migrator

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"
)

func TestVersionsAreOrderedByNumberOfAnyLengthAndThenByName(t *testing.T) {
	t.Parallel()
	want := []Version{
		"by hand", "init.sql", "æ_1.sql", // rows without a number
		"1_init.sql",
		"2_users.sql",
		"003_a.sql", "003_b.sql", "03_a.sql", "3_a.sql", "3_b.sql", // one number: by name
		"9_last.sql", "10_first.sql",
		"0099_x.sql", "100_x.sql",
		"20170804200817_create.sql", "20170923182408_alter.sql",
		"202611221200001234_lemmy.sql",
		"18446744073709551615_uint64.sql", "18446744073709551616_beyond.sql",
		"99999999999999999999_x.sql", "100000000000000000000_x.sql",
	}
	got := slices.Clone(want)
	for range 20 {
		rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		slices.SortFunc(got, Version.Compare)
		require.Equal(t, want, got)
	}
}

func TestVersionsWithoutANumberComeBeforeThoseWithNumberZero(t *testing.T) {
	t.Parallel()
	require.Negative(t, Version("init.sql").Compare("000_init.sql"))
	require.Negative(t, Version("by hand").Compare("0_init.sql"))
}

func TestVersionOrderAgreesWithArithmetic(t *testing.T) {
	t.Parallel()
	agrees := func(zerosA, zerosB uint8, a, b []uint16) bool {
		x, y := bigNumber(zerosA, a), bigNumber(zerosB, b)
		m, _ := new(big.Int).SetString(x, 10)
		n, _ := new(big.Int).SetString(y, 10)
		v, w := Version(x+"_x.sql"), Version(y+"_x.sql")
		if sign := m.Cmp(n); sign != 0 {
			return v.Compare(w) == sign && w.Compare(v) == -sign
		}
		return v.Compare(w) == strings.Compare(x, y) && v.Compare(v) == 0
	}
	require.NoError(t, quick.Check(agrees, nil))
}

// bigNumber makes a number of up to some hundred digits.
func bigNumber(zeros uint8, parts []uint16) string {
	number := strings.Repeat("0", int(zeros%4))
	for _, part := range parts {
		number += big.NewInt(int64(part)).String()
	}
	return number + "7"
}

func TestAWindowsCheckoutIsTheSameFile(t *testing.T) {
	t.Parallel()
	const unix = "select 'æ',\n  2;\n-- end\n"
	for name, text := range map[string]string{
		"LF":                        unix,
		"CRLF":                      strings.ReplaceAll(unix, "\n", "\r\n"),
		"byte order mark":           "\ufeff" + unix,
		"byte order mark and CRLF":  "\ufeff" + strings.ReplaceAll(unix, "\n", "\r\n"),
		"CRLF on some of the lines": strings.Replace(unix, "\n", "\r\n", 1),
	} {
		require.Equal(t, unix, normalize(text), name)
	}
	require.Equal(t, "select '\r' \r from t\n", normalize("select '\r' \r from t\n"), "a lone CR is text")
	require.Equal(t, "select '\ufeff'", normalize("select '\ufeff'"), "a byte order mark is one only at the beginning")
}

func TestNormalizedTextHasNoWindowsLineEndAndNoByteOrderMarkLeft(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\nb\n", normalize("a\r\r\nb\r\r\r\n"), "converted twice")
	require.Equal(t, "a", normalize("\ufeff\ufeffa"), "marked twice")
}

func TestTheChecksumIsSHA256InLowerCaseHex(t *testing.T) {
	t.Parallel()
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", checksum(""))
	require.Equal(t, "4a45092ccf992ea92250053a80b931b787924ba61648f420555511b84f10ab6c", checksum("select 1;\n"))
	require.Equal(t, "abc", Migration{Up: Script{Checksum: "abc"}, Down: &Script{Checksum: "def"}}.Checksum(), "the down file has no part in it")
}

func TestAMigrationHasAScriptForEachDirectionThatItHasAFileFor(t *testing.T) {
	t.Parallel()
	m := Migration{Up: Script{Path: "1_a.sql"}, Down: &Script{Path: "1_a.down.sql"}}
	require.Equal(t, "1_a.sql", m.script(DirectionUp).Path)
	require.Equal(t, "1_a.down.sql", m.script(DirectionDown).Path)
	m.Down = nil
	require.Nil(t, m.script(DirectionDown))
}

// FuzzVersionOrder checks that Compare is a total order, and that of numbers where there are some; repeatable ones come last.
func FuzzVersionOrder(f *testing.F) {
	for _, seed := range [][3]string{
		{"1_a.sql", "01_a.sql", "001_b.sql"},
		{"9_a.sql", "10_a.sql", "0_a.sql"},
		{"init.sql", "0_init.sql", ""},
		{"1", "1_", "1_a"},
		{"18446744073709551616_a.sql", "18446744073709551615_a.sql", "9_z.sql"},
		{"\xff", "æ", "1\xff"},
		{"-1_a.sql", "1_a.sql", "+1_a.sql"},
		{"R_a.sql", "1_a.sql", "R_b.sql"},
		{"0", "R_", "R"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, x, y, z string) {
		all := []Version{Version(x), Version(y), Version(z), Version("0" + x), Version(strings.TrimLeft(y, "0"))}
		for _, a := range all {
			for _, b := range all {
				ab := a.Compare(b)
				require.Contains(t, []int{-1, 0, 1}, ab)
				require.Equal(t, a == b, ab == 0, "%q and %q: only the same version is equal", a, b)
				require.Equal(t, -ab, b.Compare(a), "%q and %q", a, b)
				require.Equal(t, arithmetic(a, b), ab, "%q and %q", a, b)
				for _, c := range all {
					if ab <= 0 && b.Compare(c) <= 0 {
						require.LessOrEqual(t, a.Compare(c), 0, "%q, %q and %q", a, b, c)
					}
				}
			}
		}
	})
}

// arithmetic is what Compare is meant to be.
func arithmetic(a, b Version) int {
	m, numbered := new(big.Int).SetString(string(a[:digits(string(a))]), 10)
	n, other := new(big.Int).SetString(string(b[:digits(string(b))]), 10)
	repeats, repeated := strings.HasPrefix(string(a), "R_"), strings.HasPrefix(string(b), "R_")
	switch {
	case repeats && !repeated:
		return 1
	case !repeats && repeated:
		return -1
	case !numbered && other:
		return -1
	case numbered && !other:
		return 1
	case numbered && m.Cmp(n) != 0:
		return m.Cmp(n)
	}
	return strings.Compare(string(a), string(b))
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "\r", "\r\n", "\ufeff", "a\r\nb\nc\r", "\ufeffselect 1;\r\n", "\xef\xbb", "\n\r\n", "a\r\r\nb", "\r\ufeff\r\n", "\ufeff\ufeff\r\n\ufeff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		unix := normalize(text)
		require.Equal(t, lineByLine(text), unix, "nothing else is changed")
		require.Equal(t, unix, normalize(unix), "normalizing twice is normalizing once")
		require.NotContains(t, unix, "\r\n")
		require.False(t, strings.HasPrefix(unix, "\ufeff"))

		windows := strings.ReplaceAll(unix, "\n", "\r\n")
		for _, same := range []string{text, windows, "\ufeff" + unix, "\ufeff" + windows, strings.ReplaceAll(windows, "\n", "\r\n")} {
			require.Equal(t, checksum(unix), checksum(normalize(same)), "%q", same)
		}
		for _, edit := range []string{unix + " ", unix + "\n", unix + "\r", " " + unix, "\n" + unix} {
			require.NotEqual(t, checksum(unix), checksum(normalize(edit)), "%q", edit)
		}
	})
}

// lineByLine is normalize, said in another way.
func lineByLine(text string) string {
	for {
		rest, marked := strings.CutPrefix(text, "\ufeff")
		if !marked {
			break
		}
		text = rest
	}
	lines := strings.Split(text, "\n")
	for i := range lines[:len(lines)-1] { // what follows the last line end is no line
		lines[i] = strings.TrimRight(lines[i], "\r")
	}
	return strings.Join(lines, "\n")
}
