// Package printable shows text of others, servers, files and other sessions, so that a terminal cannot be made to obey it, and
// its lines cannot be taken for ours.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// indent begins each line but the first of a text of others.
const indent = "\n    "

// Text shows what a terminal would obey, or not show, as an escape such as \x1b or \u202e. Line breaks and tabs stay.
func Text(text string) string { return escape(text, "\n\t") }

// Line is Text for what has to stay in one line, such as a name.
func Line(text string) string { return escape(text, "") }

// Indented indents all lines of a text but the first.
func Indented(text string) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	return strings.ReplaceAll(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n", indent)
}

func escape(text, kept string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError || hidden(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[0]), 16))
		case hidden(r) && !strings.ContainsRune(kept, r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

// hidden reports whether a character is not shown as it is: it controls the terminal, turns the direction of what follows, ends
// a line or has no width.
func hidden(r rune) bool { return unicode.IsControl(r) || Invisible(r) }

// Invisible reports whether a character is none that is seen, other than a control character.
func Invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}
