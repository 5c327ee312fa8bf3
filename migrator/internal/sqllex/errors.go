package sqllex

import (
	"strings"
	"unicode/utf8"
)

// Error means that a text cannot be split: something in it is opened and never
// closed, or it holds a meta-command of psql.
type Error struct {
	Offset  int    // the byte where the thing opens
	Message string // what is wrong and, where that helps, what to do
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

// MetaCommand says that text, which starts with a backslash, is not SQL.
func MetaCommand(text string) string {
	return CommandName(text) + " is a command of psql and not SQL: take it out"
}

// CommandName is the name of a meta-command with its backslash: its letters or, as
// in \!, one other character.
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
