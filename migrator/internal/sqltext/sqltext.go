// Package sqltext writes names, strings and blocks as SQL.
package sqltext

import (
	"slices"
	"strings"
)

// Ident is a name, qualified where several are given, as a quoted identifier.
func Ident(names ...string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`) + `"`
	}
	return strings.Join(quoted, ".")
}

// Literal is text as an SQL string. The session must have standard_conforming_strings on.
func Literal(text string) string {
	return "'" + Quote(text) + "'"
}

// Quote is Literal without the quotes around it.
func Quote(text string) string { return strings.ReplaceAll(text, "'", "''") }

// Block is a DO block. It can check and raise in one statement, without an answer to wait for.
func Block(body string) string {
	tag := "$migrator$"
	for strings.Contains(body, tag) { // a file may be named so
		tag = "$m" + tag[1:]
	}
	return "do " + tag + "begin\n" + body + "\nend" + tag
}

// RequireRow is a part of a block: a statement, given without its semicolon, and what to raise where it finds no row.
func RequireRow(statement, raise string) string {
	return "  " + statement + ";\n  if not found then\n    " + raise + "\n  end if;"
}

// Raise is the statement of a block that fails with an SQLSTATE, a message and, unless it is empty, a hint.
func Raise(code, message, hint string) string {
	raise := "raise exception using errcode = '" + code + "', message = " + Literal(message)
	if hint != "" {
		raise += ",\n      hint = " + Literal(hint)
	}
	return raise + ";"
}

// WithoutComments leaves out the lines of comments, which are for the readers of our own .sql files.
func WithoutComments(sql string) string {
	lines := slices.DeleteFunc(strings.Split(sql, "\n"), func(line string) bool { return strings.HasPrefix(line, "--") })
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// ContainsFold reports whether text contains a word, whatever the case of its ASCII letters. The word is given in lower case.
func ContainsFold(text, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == word[0]|0x20 && strings.EqualFold(text[i:i+len(word)], word) {
			return true
		}
	}
	return false
}
