package migrator

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// This file looks at the rest of a folder: files laid out or named for other tools, and subfolders.

// maxFolders limits how many subfolders are read.
const maxFolders = 100

// A sourceError describes a folder that holds something else than migrations. errors.Is takes it for ErrNoMigrations.
type sourceError struct{ message, hint string }

func (e *sourceError) Error() string { return e.message + "\nHINT: " + e.hint }

func (e *sourceError) Is(target error) bool { return target == ErrNoMigrations }

const adopt = "; then record what the database has already with baseline"

// validateFolder refuses a folder if nothing of it, or only a part, would be applied. That must not look like success.
func validateFolder(fsys fs.FS, entries []fs.DirEntry, migrations []Migration) error {
	versioned := slices.ContainsFunc(migrations, func(m Migration) bool { return !m.Version.Repeatable() })
	var files, folders, flyway, repeatable []string
	for _, entry := range entries {
		switch name := entry.Name(); {
		case hidden(name):
			continue
		case entry.IsDir():
			folders = append(folders, name+"/")
			continue
		case flywayName(name) && Version(name).Repeatable():
			repeatable = append(repeatable, name)
		case flywayName(name):
			flyway = append(flyway, name)
		}
		files = append(files, entry.Name())
	}
	if err := validateFlyway(flyway, repeatable, versioned); err != nil || len(migrations) > 0 {
		return err
	}
	below := filesBelow(fsys, entries)
	for _, layout := range layouts {
		if found := slices.DeleteFunc(slices.Clone(below), func(file string) bool { return layout.becomes(file) == "" }); len(found) > 0 {
			return &sourceError{
				"no migrations: the folder holds those of " + layout.tool + ": " + printable.List(found),
				fmt.Sprintf("copy %s to %s, and the others likewise", found[0], layout.becomes(found[0])) + adopt,
			}
		}
	}
	if below = slices.DeleteFunc(below, func(file string) bool { return !namedAsMigration(file) }); len(below) > 0 {
		return validateSubfolders(below)
	}
	const hint = "a migration is a file NNN_name.sql in the folder itself, such as 001_init.sql"
	if len(files) == 0 {
		files = folders
	}
	if len(files) == 0 {
		return &sourceError{"no migrations: the folder is empty", hint}
	}
	return &sourceError{"no migrations: the folder holds " + printable.List(files), hint}
}

// validateFlyway refuses names of Flyway. versioned tells whether the folder has a versioned migration with a name of ours.
func validateFlyway(flyway, repeatable []string, versioned bool) error {
	switch {
	case len(flyway) > 0 && versioned:
		return &sourceError{flywayMessage + printable.List(flyway), flywayHint}
	case len(flyway) > 0:
		return &sourceError{flywayMessage + printable.List(flyway), flywayHint + adopt}
	case len(repeatable) > 0 && !versioned: // next to 001_init.sql they are ordinary migrations
		return &sourceError{
			"the folder holds repeatable migrations that are named for Flyway, and no versioned one: " + printable.List(repeatable),
			"a versioned one is a file NNN_name.sql, such as 001_init.sql",
		}
	}
	return nil
}

// validateSubfolders refuses a folder whose migrations are in its subfolders. Either the path is one level too high, as with an
// embed.FS without fs.Sub, or the files belong to a tool that reads subfolders.
func validateSubfolders(below []string) error {
	folder := path.Dir(below[0])
	for _, file := range below {
		name, err := parseName(path.Base(file))
		if path.Dir(file) != folder || err != nil || name.kind == notAMigration {
			return &sourceError{
				"no migrations: the folder itself holds none, and those below it are not read: " + printable.List(below),
				"move them into one folder, named NNN_name.sql so that their order stays, and what reverts one NNN_name.down.sql" + adopt,
			}
		}
	}
	return &sourceError{
		folder + " holds migrations, and the folder above it, which was given, holds none",
		fmt.Sprintf("give this folder: in a program, fs.Sub(files, %q)", folder),
	}
}

// foldersBelow returns the subfolders that hold files named as migrations.
func foldersBelow(fsys fs.FS, entries []fs.DirEntry) (folders []string) {
	for _, file := range filesBelow(fsys, entries) {
		if folder := path.Dir(file) + "/"; namedAsMigration(file) && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// filesBelow returns the files in subfolders, two levels down. It does not follow links. It skips hidden folders, because a
// mounted ConfigMap keeps its versions in one.
func filesBelow(fsys fs.FS, entries []fs.DirEntry) (files []string) {
	looked := 0
	var look func(folder string, entries []fs.DirEntry)
	look = func(folder string, entries []fs.DirEntry) {
		for _, entry := range entries {
			file := path.Join(folder, entry.Name())
			switch {
			case hidden(entry.Name()):
			case !entry.IsDir():
				if folder != "" {
					files = append(files, file)
				}
			case strings.Count(file, "/") < 2 && looked < maxFolders:
				looked++
				below, _ := fs.ReadDir(fsys, file) // an unreadable folder is not ours
				look(file, below)
			}
		}
	}
	look("", entries)
	return files
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// namedAsMigration reports whether a file's name is that of a migration, here or for Flyway.
func namedAsMigration(file string) bool {
	name := path.Base(file)
	return isSQL(name) && (digits(name) > 0 || Version(name).Repeatable() || flywayName(name))
}

// flywayName reports whether a name is V1__name.sql, U1__name.sql, B1__name.sql or R__name.sql. Refinery uses the first two.
func flywayName(name string) bool {
	if !isSQL(name) || !strings.Contains(name, "__") {
		return false
	}
	switch name[0] {
	case 'V', 'U', 'B':
		return digits(name[1:]) > 0
	case 'R':
		return strings.HasPrefix(name, "R__")
	}
	return false
}

const (
	flywayMessage = "the folder holds files that are named for Flyway or refinery, and are not read here: "
	flywayHint    = "rename them in their order: V1__init.sql to 001_init.sql, U1__init.sql to 001_init.down.sql, R__views.sql to R_views.sql"
)

// layouts describes tools for which a migration is a folder, or whose up and down files are in different folders. becomes returns
// the name that a file would have here, or "" if the file does not belong to the tool.
var layouts = []struct {
	tool    string
	becomes func(file string) string
}{
	{"Prisma", func(file string) string { return inFolderOf(file, "migration.sql", ".sql") }},
	{"Diesel", func(file string) string { return inFolderOf(file, "up.sql", ".sql") }},
	{"Sqitch", func(file string) string {
		if path.Base(path.Dir(file)) != "deploy" || !isSQL(file) || digits(path.Base(file)) > 0 {
			return ""
		}
		return "001_" + path.Base(file)
	}},
}

// inFolderOf names a migration after its folder, for tools that give every file the same name.
func inFolderOf(file, name, suffix string) string {
	if path.Base(file) != name {
		return ""
	}
	folder := path.Base(path.Dir(file))
	number := len(folder) - len(strings.TrimLeft(folder, "0123456789-")) // Diesel: 2026-11-30-120000_init
	if digits(folder) == 0 {
		return "NNN_" + folder + suffix
	}
	return strings.ReplaceAll(folder[:number], "-", "") + folder[number:] + suffix
}
