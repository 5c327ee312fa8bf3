// Package printable makes foreign text (from servers, files and other sessions) safe to print. A terminal cannot be made to obey
// it, and its lines cannot be mistaken for ours.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// indent begins each line of a foreign text except the first.
const indent = "\n    "

// Text writes characters that a terminal would obey or not show as escapes, such as \x1b or \u202e. It keeps line breaks and
// tabs.
func Text(text string) string { return escape(text, "\n\t") }

// Line is Text for a text that must stay on one line, such as a name: it escapes line breaks and tabs too.
func Line(text string) string { return escape(text, "") }

// Indented indents all lines of a text except the first.
func Indented(text string) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	return strings.ReplaceAll(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n", indent)
}

// escape escapes hidden characters, except those in kept, and invalid UTF-8.
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

// hidden reports whether a terminal does not show a character as it is. Such a character controls the terminal, changes the
// direction of the text, ends a line, or has no width.
func hidden(r rune) bool { return unicode.IsControl(r) || Invisible(r) }

// Invisible reports whether a character is invisible. Control characters do not count.
func Invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}
