package sqllex

import (
	"strings"
	"unicode/utf8"
)

// Error means that a text cannot be split: something in it is opened and never closed, or it contains a meta-command of psql.
type Error struct {
	Offset  int    // the byte offset at which it opens
	Message string // what is wrong and, if that helps, what to do
}

func (e *Error) Error() string { return e.Message }

const (
	unterminatedString     = "unterminated quoted string (a quote inside it is written twice: '')"
	unterminatedIdentifier = `unterminated quoted identifier (a quote inside it is written twice: "")`
	unterminatedComment    = "unterminated comment (comments nest: every /* needs a */)"
	unclosedParenthesis    = "unclosed parenthesis"
	unclosedBody           = "BEGIN ATOMIC without END (END comes after the semicolon of the body's last statement)"
)

func unterminatedDollarQuote(tag string) string {
	return "unterminated dollar-quoted string (its end " + tag + " is missing)"
}

// MetaCommand returns the message of an Error about text, which starts with a backslash and is not SQL.
func MetaCommand(text string) string {
	return CommandName(text) + " is a command of psql and not SQL: take it out"
}

// CommandName returns the name of the meta-command at the start of text, with its backslash. The name is letters and digits or,
// as in \!, one other character.
func CommandName(text string) string {
	end := 1
	for end < len(text) && (classes[text[end]] == letter || classes[text[end]] == digit) {
		end++
	}
	if end == 1 && end < len(text) {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	return strings.TrimSpace(text[:end])
}
