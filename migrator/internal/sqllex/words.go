package sqllex

import "strings"

// MaxWords is how many tokens Words looks at.
const MaxWords = 24

// Words returns the statement's first significant tokens, MaxWords at most: words
// without quotes in upper case, the others as they are written, so that a quoted
// "index" or 'index' cannot be taken for a keyword. Letters beyond ASCII keep their case.
func (s Statement) Words(src string) []string {
	words := make([]string, 0, 8)
	for token := range s.Tokens(src) {
		text := token.Text(src)
		if token.Kind == Word {
			text = upper(text)
		}
		if words = append(words, text); len(words) == MaxWords {
			break
		}
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
	letters := []byte(word)
	for i, c := range letters {
		if 'a' <= c && c <= 'z' {
			letters[i] = c - 'a' + 'A'
		}
	}
	return string(letters)
}
