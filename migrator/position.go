package migrator

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// errorAt returns a FileError at a byte offset of the script's text.
func (s *Script) errorAt(offset int, message, hint string) *FileError {
	line, column := sqllex.Position(s.SQL, offset)
	return &FileError{Path: s.Path, Line: line, Column: column, Source: sourceLine(s.SQL, offset), Message: message, Hint: hint}
}

// sourceLine returns the line of text at offset.
func sourceLine(text string, offset int) string {
	offset = min(offset, len(text))
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	return strings.TrimSuffix(line, "\r")
}

func place(path string, line, column int) string {
	if line == 0 {
		return printable.Line(path)
	}
	return fmt.Sprintf("%s:%d:%d", printable.Line(path), line, column)
}

// caretWidth limits how much of a line is printed, because generated SQL has lines of megabytes.
const caretWidth = 120

func writeCaret(b *strings.Builder, source string, line, column int) {
	if source == "" || line < 1 || column < 1 {
		return
	}
	runes := []rune(source)
	column = min(column, len(runes)+1)
	from := max(0, min(column-1-caretWidth/2, len(runes)-caretWidth))
	shown := runes[from:min(from+caretWidth, len(runes))]
	for i, r := range shown {
		if r != '\t' && (unicode.IsControl(r) || printable.Invisible(r)) { // a terminal would obey it
			shown[i] = utf8.RuneError
		}
	}
	pad := make([]rune, 0, caretWidth)
	for _, r := range shown[:min(column-1-from, len(shown))] {
		if r != '\t' {
			r = ' '
		}
		pad = append(pad, r)
	}
	number := fmt.Sprintf("  %d ", line)
	fmt.Fprintf(b, "\n%s| %s\n%s| %s^", number, string(shown), strings.Repeat(" ", len(number)), string(pad))
}

// writeNote writes a line with a label. Further lines of the text are indented, so that none of them looks like a note.
func writeNote(b *strings.Builder, label, text string) {
	if text != "" {
		b.WriteString("\n" + label + ": " + printable.Indented(text))
	}
}

func join(versions []Version) string {
	names := make([]string, len(versions))
	for i, v := range versions {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}
