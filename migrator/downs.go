package migrator

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Other tools have other names for the file that reverts a migration. With our rules such a file would be applied.

var (
	backWords    = []string{"down", "undo", "rollback", "revert", "backward", "backwards", "downgrade"}
	forwardWords = []string{"up", "do", "apply", "deploy", "forward", "forwards", "upgrade"}
)

// refuseDown refuses a pending file whose name says that it reverts another one. A name may also end in such a word by chance, so
// there the word counts only if another file has the same number. A name in .up.sql is never refused.
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

// wayBack reports whether a label ends in a word for reverting. If it begins with one, first is the rest of the label.
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

// withoutForward returns a label without a word for applying at its beginning or end.
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
