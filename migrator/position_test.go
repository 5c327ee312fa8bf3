package migrator

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func caret(source string, line, column int) string {
	var b strings.Builder
	writeCaret(&b, source, line, column)
	return b.String()
}

func TestTheCaretStandsBelowItsCharacter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source       string
		line, column int
		want         string
	}{
		{"select 1", 1, 8, "\n  1 | select 1\n    |        ^"},
		{"select 1", 10000, 1, "\n  10000 | select 1\n        | ^"},
		{"'æøå' x", 3, 7, "\n  3 | 'æøå' x\n    |       ^"},
		{"\tif\tx", 3, 5, "\n  3 | \tif\tx\n    | \t  \t^"},
		{"a", 3, 2, "\n  3 | a\n    |  ^"}, // the end of the line
		{"a", 3, 99, "\n  3 | a\n    |  ^"},
		{"", 3, 1, ""},
		{"a", 0, 0, ""},
	} {
		require.Equal(t, c.want, caret(c.source, c.line, c.column))
	}
}

func TestOfALongLineThePartAroundTheCaretIsShown(t *testing.T) {
	t.Parallel()
	source := strings.Repeat("é", 1_000_000) + "X" + strings.Repeat("ü", 1_000_000)
	for _, column := range []int{1, 50, 1_000_001, 1_999_990, 2_000_001} {
		lines := strings.Split(caret(source, 7, column), "\n")
		require.Len(t, lines, 3)
		shown, below := []rune(strings.TrimPrefix(lines[1], "  7 | ")), []rune(strings.TrimPrefix(lines[2], "    | "))
		require.Len(t, shown, caretWidth)
		at := len(below) - 1
		require.Equal(t, '^', below[at])
		require.Equal(t, []rune(source)[column-1], shown[at], "column %d", column)
	}
}

func TestAPlaceThatIsNoneDoesNotPanic(t *testing.T) {
	t.Parallel()
	for _, e := range []FileError{
		{Path: "a", Line: 1, Column: 0, Source: "x"},
		{Path: "a", Line: 1, Column: -5, Source: "x"},
		{Path: "a", Line: -1, Column: 1, Source: "x"},
		{Path: "a", Line: 1, Column: 1 << 30, Source: "x"},
	} {
		require.NotPanics(t, func() { _ = e.Error() }, "%+v", e)
	}
}

func TestTheLineOfAnOffsetIsFound(t *testing.T) {
	t.Parallel()
	const text = "one\ntwæ\r\n\nfour"
	for offset := range len(text) + 3 {
		require.Contains(t, []string{"one", "twæ", "", "four"}, sourceLine(text, offset))
	}
	require.Equal(t, "one", sourceLine(text, 3), "a line end belongs to its line")
	require.Equal(t, "twæ", sourceLine(text, 4))
	require.Equal(t, "four", sourceLine(text, 99))
	require.Empty(t, sourceLine("", 0))
}

func TestAnErrorAtAnOffsetKnowsItsPlace(t *testing.T) {
	t.Parallel()
	s := &Script{Path: "1_a.sql", SQL: "select 'æ';\n  commit;"}
	for offset := range s.SQL {
		e := s.errorAt(offset, "m", "h")
		lines := strings.Split(s.SQL, "\n")
		require.Equal(t, lines[e.Line-1], e.Source)
		before := strings.Join(lines[:e.Line-1], "\n")
		if e.Line > 1 {
			before += "\n"
		}
		require.Equal(t, offset, len(before)+len(string([]rune(e.Source)[:e.Column-1])))
		require.LessOrEqual(t, e.Column, utf8.RuneCountInString(e.Source)+1)
	}
}
