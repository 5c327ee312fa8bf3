package migrator

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What other tools name the file that reverts a migration. By our names it would be applied.

var (
	backWords    = []string{"down", "undo", "rollback", "revert", "backward", "backwards", "downgrade"}
	forwardWords = []string{"up", "do", "apply", "deploy", "forward", "forwards", "upgrade"}
)

// refuseDown refuses a pending file that is named as one that reverts another one of them all. A name may well end in such
// a word: then it counts only where another file has the same number. An .up.sql file is what it says.
func refuseDown(v Version, all []Migration) error {
	name, isUp := strings.CutSuffix(string(v), ".up.sql")
	if isUp {
		return nil
	}
	name = strings.TrimSuffix(name, ".sql")
	label := strings.TrimPrefix(name[digits(name):], "_")
	refuse := func(reverts, down string) error {
		return &FileError{
			Path: string(v), Message: "is named as if it reverted " + reverts + ", and would be applied",
			Hint: fmt.Sprintf("if it reverts, rename it to %s; if it is to be applied, to %s.up.sql; where it is applied already, repair accepts that name", down, name),
		}
	}
	if i := slices.IndexFunc(strings.Split(name, ".")[1:], isBackWord); i >= 0 {
		stem := strings.Join(strings.Split(name, ".")[:i+1], ".")
		return refuse("a migration", stem+".down.sql")
	}
	first, last := wayBack(label)
	if !last && first == "" {
		return nil
	}
	for i := range all {
		other := all[i].Version
		if other == v || other.class() != v.class() || v.Repeatable() || other.number() != v.number() {
			continue
		}
		if stem := other.stem(); last || first == withoutForward(strings.TrimPrefix(stem[digits(stem):], "_")) {
			return refuse(string(other), stem+".down.sql")
		}
	}
	return nil
}

// wayBack tells whether a label ends in a word for the way back, and what follows where it begins with one.
func wayBack(label string) (first string, last bool) {
	if words := strings.FieldsFunc(label, separates); len(words) > 0 && isBackWord(words[0]) {
		first = strings.Join(words[1:], "_")
	}
	for _, word := range backWords {
		if at := len(label) - len(word); at >= 0 && strings.EqualFold(label[at:], word) {
			before, _ := utf8.DecodeLastRuneInString(label[:at])
			last = last || at == 0 || separates(before) || unicode.IsLower(before) && unicode.IsUpper(rune(label[at])) // InitDown
		}
	}
	return first, last
}

// withoutForward is a label without the word that says that it is applied, where it begins or ends with one.
func withoutForward(label string) string {
	words := strings.FieldsFunc(label, separates)
	if len(words) > 0 && isOneOf(words[0], forwardWords) {
		words = words[1:]
	}
	if len(words) > 0 && isOneOf(words[len(words)-1], forwardWords) {
		words = words[:len(words)-1]
	}
	return strings.Join(words, "_")
}

func separates(r rune) bool { return strings.ContainsRune("_-. ", r) }

func isBackWord(word string) bool { return isOneOf(word, backWords) }

func isOneOf(word string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) })
}
