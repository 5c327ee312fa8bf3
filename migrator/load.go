package migrator

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFile limits the size of a file in bytes. PostgreSQL refuses messages of 1 GB (PQ_LARGE_MESSAGE_LIMIT), and a part of each
// message is ours.
const maxFile = 1<<30 - 1<<20

// maxVersion is the length of the history's version column, in characters.
const maxVersion = 255

// Load reads the migrations in the root of a file system and returns them in order. It reads an embed.FS (through fs.Sub) and a
// directory (os.Root.FS) alike, and ignores subdirectories.
//
// A migration is NNN_name.sql or NNN_name.up.sql, where NNN is any number of digits. NNN_name.down.sql next to it reverts it.
// R_name.sql is a repeatable migration. Files with other names are not migrations: see Skipped.
//
// Load reports all problems together: the error joins a *FileError for each file that it cannot read or understand. If the folder
// has no migration, or has files named for Flyway, the error is ErrNoMigrations.
func Load(fsys fs.FS) ([]Migration, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	var (
		migrations = make([]Migration, 0, len(entries))
		downs      = make(map[string]Script)
		broken     = make(map[string]bool) // stems of the files that cannot be understood
		problems   []error
	)
	for _, entry := range entries {
		name, err := parseName(entry.Name())
		if err == nil && name.kind == notAMigration {
			continue
		}
		var script Script
		if err == nil {
			script, err = readScript(fsys, entry)
		}
		switch {
		case err != nil:
			problems = append(problems, err)
			broken[name.stem] = true
		case name.kind == downFile:
			downs[name.stem] = script
		default:
			migrations = append(migrations, Migration{Version: Version(script.Path), Up: script})
		}
	}
	migrations, pairing := pair(migrations, downs, broken)
	if problems = append(problems, pairing...); len(problems) == 0 {
		return migrations, validateFolder(fsys, entries, migrations)
	}
	return migrations, errors.Join(problems...)
}

// Skipped returns the names that Load leaves out, so that a program can report them. These are .sql files that start neither with
// a digit nor with R_, and folders up to two levels down that hold files named as migrations. Folders end in a slash.
func Skipped(fsys fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if name := entry.Name(); !entry.IsDir() && isSQL(name) && digits(name) == 0 && !Version(name).Repeatable() {
			names = append(names, name)
		}
	}
	return append(names, foldersBelow(fsys, entries)...), nil
}

// pair sorts the migrations and attaches each down file to its migration.
func pair(migrations []Migration, downs map[string]Script, broken map[string]bool) ([]Migration, []error) {
	slices.SortFunc(migrations, func(a, b Migration) int { return a.Version.Compare(b.Version) })
	var problems []error
	for i := range migrations {
		m := &migrations[i]
		stem := m.Version.stem()
		if strings.HasSuffix(string(m.Version), ".up.sql") {
			if other := findMigration(migrations, Version(stem+".sql")); other != nil {
				problems = append(problems, &FileError{
					Path:    string(m.Version),
					Message: fmt.Sprintf("the same migration as %s", other.Version), Hint: "keep one of the two files",
				})
				continue
			}
		}
		if script, ok := downs[stem]; ok {
			down := script
			m.Down = &down
			delete(downs, stem)
		}
	}
	for stem, down := range downs {
		if broken[stem] {
			continue
		}
		problems = append(problems, &FileError{
			Path:    down.Path,
			Message: fmt.Sprintf("there is no %s.sql that it would revert", stem), Hint: "rename one of the two, or delete this one",
		})
	}
	slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return migrations, problems
}

func readScript(fsys fs.FS, entry fs.DirEntry) (Script, error) {
	path := entry.Name()
	refuse := func(message, hint string) (Script, error) {
		return Script{}, &FileError{Path: path, Message: message, Hint: hint}
	}
	info, err := entry.Info()
	if err == nil && !info.Mode().IsRegular() {
		info, err = fs.Stat(fsys, path) // follows a link, as reading does
	}
	switch {
	case err != nil:
		return Script{}, &FileError{Path: path, Message: "cannot be read", Err: err}
	case info.IsDir():
		return refuse("is a directory", "give it a name that does not end in .sql")
	case !info.Mode().IsRegular():
		return refuse("is not a regular file", "put the SQL into a plain file")
	case info.Size() > maxFile:
		return refuse("is larger than 1023 MB, and PostgreSQL takes no message of 1 GB", "split it, or load its data in another way")
	}
	content, err := fs.ReadFile(fsys, path)
	if err != nil {
		return Script{}, &FileError{Path: path, Message: "cannot be read", Err: err}
	}
	script := Script{Path: path, SQL: normalize(string(content))}
	if at := strings.IndexByte(script.SQL, 0); at >= 0 {
		return Script{}, script.errorAt(at, "holds a NUL byte", "save it as UTF-8")
	}
	if at := invalidUTF8(script.SQL); at >= 0 {
		return Script{}, script.errorAt(at, "is not valid UTF-8", "save it as UTF-8")
	}
	if len(script.SQL) < len(content) {
		content = []byte(script.SQL)
	}
	script.Checksum = checksum(content)
	return script, script.readHeader()
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for at, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[at:]); size == 1 {
				return at
			}
		}
	}
	return -1
}
