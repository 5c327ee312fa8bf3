package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// defaultDir holds the migrations where nothing names a directory and none are compiled in.
const defaultDir = "migrations"

// errNoDirectory means that nothing says where the migrations are.
var errNoDirectory = errors.New("no migrations")

// sourceHelp says in the help where the migrations come from, and what --dir does.
func sourceHelp(files fs.FS) (long, flag string) {
	if files == nil {
		return "The migrations are the files of --dir, else of MIGRATIONS_DIR, else of ./migrations.",
			"`directory` of migrations (default: MIGRATIONS_DIR, else ./migrations)"
	}
	return "The migrations are compiled in; --dir or MIGRATIONS_DIR names a directory that takes their place.",
		"`directory` of migrations, in place of those compiled in (default: MIGRATIONS_DIR)"
}

// directory returns the directory to read, "" for the files that are compiled in, and what named it, "" for nothing.
func (t *tool) directory() (dir, named string) {
	variable := os.Getenv("MIGRATIONS_DIR")
	switch {
	case t.dir != "":
		return t.dir, "--dir"
	case variable != "":
		return variable, "MIGRATIONS_DIR"
	case t.files != nil:
		return "", ""
	}
	return defaultDir, ""
}

// source returns the files of the directory, else those that are compiled in.
func (t *tool) source() (files fs.FS, done func(), err error) {
	dir, named := t.directory()
	if dir == "" {
		return t.files, func() {}, nil
	}
	root, err := os.OpenRoot(dir)
	switch {
	case err == nil:
		return root.FS(), func() { _ = root.Close() }, nil
	case named == "" && errors.Is(err, fs.ErrNotExist):
		return nil, nil, usagef("%w: there is no directory %s; name one with --dir or MIGRATIONS_DIR, or make the first migration with %s create NAME",
			errNoDirectory, absolute(dir), t.command.CommandPath())
	}
	return nil, nil, fmt.Errorf("%s: %w", cmp.Or(named, "migrations directory"), err)
}

// newFilesDirectory is where create puts files. Where they are compiled in, ./migrations has to be where they come from: a file
// elsewhere would be of no use to any command.
func (t *tool) newFilesDirectory() (string, error) {
	dir, _ := t.directory()
	if dir != "" {
		return dir, nil
	}
	names, err := fs.Glob(t.files, "*.sql")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(defaultDir, name)); errors.Is(err, fs.ErrNotExist) {
			return "", usagef("the migrations are compiled in, and do not come from %s, which has no %s; name their directory with --dir or MIGRATIONS_DIR", absolute(defaultDir), name)
		}
	}
	return defaultDir, nil
}

// absolute shows where a relative path leads, since the program may have been started elsewhere than was meant.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
