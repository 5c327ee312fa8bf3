package cli

import (
	"regexp"
	"strings"
)

// example is how texts of our own show where user and password go: nothing to hide.
const example = "postgres://user:password@"

var (
	// userInfo is what stands between :// and the last @: of the quoted word, or else of the line, since a password may hold
	// anything, spaces and quotes too. Any scheme counts, as other tools have their own.
	userInfo = regexp.MustCompile(`(?i)(\b[a-z][a-z0-9+.-]*://)(?:(?:[^"\\\n]|\\.)*|.*)@`)

	// bareUserInfo is the same at the beginning of a quoted word, where the scheme was forgotten.
	bareUserInfo = regexp.MustCompile(`(")[^\s":@/]+:/?(?:[^"/\\\n]|\\.)(?:[^"\\\n]|\\.)*@`)

	// quotedPassword is a parameter and what follows in the quoted word: nobody knows where a password with spaces ends.
	quotedPassword = regexp.MustCompile(`(?i)("[^"\n]*(?:password|passwd|pwd)\s*=\s*)(?:[^"\\\n]|\\.)*"`)

	// password is such a parameter elsewhere.
	password = regexp.MustCompile(`(?i)((?:password|passwd|pwd)\s*=\s*)(?:'[^'\n]*'|[^\s"&;]+)`)
)

// blotted takes the user and the password out of an error that quotes a connection string: one that was typed in the wrong
// place.
func blotted(err error) error {
	if err == nil {
		return nil
	}
	if text := blot(err.Error()); text != err.Error() {
		return &blottedError{text: text, err: err}
	}
	return err
}

func blot(text string) string {
	parts := strings.Split(text, example)
	for i, part := range parts {
		part = userInfo.ReplaceAllString(part, "$1…@")
		part = bareUserInfo.ReplaceAllString(part, "${1}…@")
		part = quotedPassword.ReplaceAllString(part, `${1}…"`)
		parts[i] = password.ReplaceAllString(part, "$1…")
	}
	return strings.Join(parts, example)
}

type blottedError struct {
	text string
	err  error
}

func (e *blottedError) Error() string { return e.text }

func (e *blottedError) Unwrap() error { return e.err }
