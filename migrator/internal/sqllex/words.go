package sqllex

import "strings"

// MaxWords is how many tokens Words looks at.
const MaxWords = 24

// Words returns the statement's first significant tokens, MaxWords at most: words
// without quotes in upper case, the others as they are written, so that a quoted
// "index" or 'index' cannot be taken for a keyword. Letters beyond ASCII keep their case.
func (s Statement) Words(src string) []string {
	return s.AppendWords(make([]string, 0, 8), src)
}

// AppendWords is Words for a caller who has a slice to be used again.
func (s Statement) AppendWords(words []string, src string) []string {
	lexer := Lexer{src: src[:s.End], pos: s.Start}
	for n := 0; n < MaxWords; {
		token, ok := lexer.Next()
		if !ok {
			break
		}
		if !token.Significant() {
			continue
		}
		text := token.Text(src)
		if token.Kind == Word {
			text = upper(text)
		}
		words = append(words, text)
		n++
	}
	return words
}

// Matches reports whether words begin as the pattern says: each of its items is the
// next word, or several separated by a bar of which any will do. An item that ends in
// a question mark may be absent, and is taken where it is there:
//
//	Matches(words, "CREATE", "UNIQUE?", "INDEX", "CONCURRENTLY")
//	Matches(words, "COMMIT|END", "WORK|TRANSACTION?")
func Matches(words []string, pattern ...string) bool {
	for _, item := range pattern {
		item, optional := strings.CutSuffix(item, "?")
		switch {
		case len(words) > 0 && oneOf(item, words[0]):
			words = words[1:]
		case !optional:
			return false
		}
	}
	return true
}

func oneOf(item, word string) bool {
	for choice := range strings.SplitSeq(item, "|") {
		if choice == word {
			return true
		}
	}
	return false
}

// upper is strings.ToUpper for ASCII: to PostgreSQL "ſelect" is no SELECT.
func upper(word string) string {
	letters := append(make([]byte, 0, 64), word...)
	for i, c := range letters {
		if 'a' <= c && c <= 'z' {
			letters[i] = c - 'a' + 'A'
		}
	}
	if known, ok := frequent[string(letters)]; ok {
		return known
	}
	return string(letters)
}

// frequent are words of which a schema's history has thousands: they need no memory of their own.
var frequent = func() map[string]string {
	words := make(map[string]string)
	for word := range strings.FieldsSeq(`
		ADD ALTER AND AS BIGINT BOOLEAN BY CASCADE CHECK COLUMN COMMENT CONSTRAINT CREATE DATE DEFAULT DELETE DROP EACH
		ENUM EXECUTE EXISTS EXTENSION FALSE FOR FOREIGN FROM FUNCTION GRANT ID IF IN INDEX INSERT INT INTEGER INTO IS JSONB
		KEY LANGUAGE NAME NOT NULL NUMERIC OF ON OR PRIMARY PROCEDURE PUBLIC REFERENCES REPLACE RETURNS ROW SCHEMA SELECT
		SEQUENCE SERIAL SET TABLE TEXT TIMESTAMP TIMESTAMPTZ TO TRIGGER TRUE TYPE UNIQUE UPDATE USING UUID VALUES VARCHAR
		VIEW WHERE WITH`) {
		words[word] = word
	}
	return words
}()
