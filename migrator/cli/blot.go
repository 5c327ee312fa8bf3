package cli

import (
	"regexp"
	"strings"
)

// example is how texts of our own show where user and password go: nothing to hide.
const example = "postgres://user:password@"

var (
	// userInfo is what stands between :// and the last @: of the quoted word, or else of the line, since a password may hold
	// anything, spaces and quotes too.
	userInfo = regexp.MustCompile(`(?i)(postgres(?:ql)?://)(?:(?:[^"\\\n]|\\.)*|.*)@`)

	// password is a parameter of a URL, or of a key=value string.
	password = regexp.MustCompile(`(?i)(password=)(?:'[^'\n]*'|[^\s"&]+)`)
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
		parts[i] = password.ReplaceAllString(userInfo.ReplaceAllString(part, "$1…@"), "$1…")
	}
	return strings.Join(parts, example)
}

type blottedError struct {
	text string
	err  error
}

func (e *blottedError) Error() string { return e.text }

func (e *blottedError) Unwrap() error { return e.err }
