package migrator

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type fileKind uint8

// repeatablePrefix begins the name of a repeatable migration, in place of a number.
const repeatablePrefix = "R_"

const (
	notAMigration fileKind = iota
	upFile
	downFile
)

type fileName struct {
	kind fileKind
	stem string // 001_init for 001_init.sql, 001_init.up.sql and 001_init.down.sql
}

// parseName tells from its name what a file is. A .sql file that starts with a digit or with R_ is meant to be a migration. If
// its name does not fit, that is an error: skipped in silence, the file would be missed in production.
func parseName(name string) (fileName, error) {
	n, form := digits(name), "NNN_name.sql"
	repeatable := Version(name).Repeatable()
	if repeatable {
		n, form = len(repeatablePrefix)-1, "R_name.sql"
	}
	if n == 0 || !isSQL(name) {
		return fileName{}, nil
	}
	refuse := func(message, hint string) (fileName, error) {
		return fileName{}, &FileError{Path: name, Message: message, Hint: hint}
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fileName{}, &FileError{Path: strconv.QuoteToASCII(name), Message: "the name holds characters that cannot be printed", Hint: "rename it"}
	}
	stem, suffix, kind := splitSuffix(name)
	label, ok := strings.CutPrefix(stem[n:], "_")
	named, better := ok && label != "", suffix
	if !named {
		label = suggestLabel(stem[n:])
		if first, rest, _ := strings.Cut(label, "."); strings.HasPrefix(stem[n:], ".") && isBackWord(first) { // 001.undo.init.sql
			label, better = suggestLabel(rest), ".down.sql"
		}
	}
	rename := func() string { return fmt.Sprintf("rename it to %s_%s%s", name[:n], label, better) }
	switch {
	case repeatable && kind == downFile:
		return refuse("a repeatable migration is not reverted", "delete it; to take back what the other file does, change that one, and it runs again")
	case name[len(stem):] != suffix:
		return refuse(fmt.Sprintf("the suffix is not %s", suffix), rename())
	case !named:
		return refuse("is not named "+form, rename())
	case utf8.RuneCountInString(name) > maxVersion:
		return refuse(fmt.Sprintf("the name is longer than %d characters", maxVersion), "shorten it")
	}
	return fileName{kind: kind, stem: stem}, nil
}

// splitSuffix cuts off .sql, .up.sql or .down.sql, in lower or upper case. It returns the suffix in the correct form.
func splitSuffix(name string) (stem, suffix string, kind fileKind) {
	for _, s := range []struct {
		suffix string
		kind   fileKind
	}{{".down.sql", downFile}, {".up.sql", upFile}, {".sql", upFile}} {
		if at := len(name) - len(s.suffix); at >= 0 && strings.EqualFold(name[at:], s.suffix) {
			return name[:at], s.suffix, s.kind
		}
	}
	return name[:len(name)-len(".sql")], ".sql", upFile
}

// suggestLabel makes a label from the text at the place of "_name". It keeps the end: without its last dot, 1-a.down..sql would
// get the name of a down file.
func suggestLabel(rest string) string {
	label := strings.TrimLeft(rest, "-. _")
	if label == "" {
		return "name"
	}
	return label
}

func isSQL(name string) bool {
	return len(name) >= len(".sql") && strings.EqualFold(name[len(name)-len(".sql"):], ".sql")
}

// stem returns the version without .sql or .up.sql.
func (v Version) stem() string {
	return strings.TrimSuffix(strings.TrimSuffix(string(v), ".sql"), ".up")
}
