package sqllex_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

func TestPositionCountsLinesAndCharacters(t *testing.T) {
	t.Parallel()
	src := "aé€😀b\r\n\n\rc\nd"
	for _, c := range []struct{ offset, line, column int }{
		{-1, 1, 1},
		{0, 1, 1},  // a
		{1, 1, 2},  // é
		{2, 1, 2},  // within é
		{3, 1, 3},  // €
		{5, 1, 3},  // within €
		{6, 1, 4},  // 😀
		{9, 1, 4},  // within 😀
		{10, 1, 5}, // b
		{11, 1, 6},
		{12, 1, 6}, // \r\n, one line end
		{13, 2, 1}, // \n of an empty line
		{14, 3, 1},
		{15, 3, 2},
		{16, 3, 3}, // a lone \r is a character
		{17, 4, 1},
		{18, 4, 2},
		{19, 4, 2},
		{99, 4, 2}, // beyond the end
	} {
		line, column := sqllex.Position(src, c.offset)
		require.Equal(t, []int{c.line, c.column}, []int{line, column}, "offset %d", c.offset)
	}
	line, column := sqllex.Position("", 0)
	require.Equal(t, []int{1, 1}, []int{line, column})
}

func TestByteOffsetCountsCharactersFromOne(t *testing.T) {
	t.Parallel()
	for n, want := range []int{0, 0, 1, 3, 6, 10, 11, 12, 12} {
		require.Equal(t, want, sqllex.ByteOffset("aé€😀b\n", n), "character %d", n)
	}
	require.Equal(t, 0, sqllex.ByteOffset("", 1))
}

// FuzzPosition compares with the plain way: cut the text into lines and count.
func FuzzPosition(f *testing.F) {
	for _, offset := range []int{-1, 0, 3, 7, 100} {
		f.Add("aé€😀b\r\n\n\rc\nd\xff\xc3", offset)
	}
	f.Fuzz(func(t *testing.T, src string, offset int) {
		line, column := sqllex.Position(src, offset)

		offset = max(0, min(offset, len(src)))
		lines := strings.Split(src[:offset], "\n")
		require.Equal(t, len(lines), line)
		current := strings.Split(src, "\n")[line-1]
		if line <= strings.Count(src, "\n") {
			current = strings.TrimSuffix(current, "\r")
		}
		characters := 0 // that end before the offset or at it
		for i, r := range current {
			size := utf8.RuneLen(r)
			if r == utf8.RuneError {
				_, size = utf8.DecodeRuneInString(current[i:])
			}
			if i+size <= len(lines[line-1]) {
				characters++
			}
		}
		require.Equal(t, characters+1, column)

		if utf8.ValidString(src) && (offset == len(src) || utf8.RuneStart(src[offset])) {
			require.Equal(t, offset, sqllex.ByteOffset(src, utf8.RuneCountInString(src[:offset])+1))
		}
	})
}
