package sqllex

import "strings"

// MaxWords is the largest number of tokens that Words returns.
const MaxWords = 24

// Words returns the first significant tokens of the statement, MaxWords at most. Unquoted words are in upper case, all other
// tokens as written. So a quoted "index" or 'index' does not look like a keyword. Letters beyond ASCII keep their case.
func (s Statement) Words(src string) []string {
	return s.AppendWords(make([]string, 0, 8), src)
}

// AppendWords is Words for a caller that reuses a slice.
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

// Matches reports whether words begin with the pattern. Each item of the pattern is the next word, or several alternatives
// separated by bars. An item that ends with a question mark is optional:
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

// oneOf reports whether word is one of the alternatives in item.
func oneOf(item, word string) bool {
	for choice := range strings.SplitSeq(item, "|") {
		if choice == word {
			return true
		}
	}
	return false
}

// upper is strings.ToUpper for ASCII only: to PostgreSQL "ſelect" is not SELECT.
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

// frequent are words that the files of a project repeat thousands of times. Sharing them saves memory.
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
