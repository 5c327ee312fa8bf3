package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func (t *tool) create() *cobra.Command {
	var timestamp, down bool
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make the file of a new migration, with the next number",
		Long: `Make the file of a new migration, with the next number, as wide as the numbers that are there.

It goes into --dir, else MIGRATIONS_DIR, else ./migrations, which is made where it is not there. Where the newest migration is numbered by a timestamp, or
with --timestamp, the number is the time (UTC). Nothing is ever overwritten.`,
		Example: `  migrator create "Add User Roles"          # 007_add_user_roles.sql after 006
  migrator create --down "Add User Roles"   # with 007_add_user_roles.down.sql`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := t.newFilesDirectory()
			if err != nil {
				return err
			}
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("make the migrations directory: %w", err)
			}
			files, err := newFiles(dir, args[0], time.Now().UTC(), timestamp, down)
			if err != nil {
				return err
			}
			made := createJSON{}
			for i, file := range files {
				if err := file.write(dir); err != nil {
					return err
				}
				if i == 0 {
					made.Path = filepath.Join(dir, file.name)
				} else {
					made.Down = filepath.Join(dir, file.name)
				}
			}
			if named, _ := t.directory(); named == "" {
				t.screen.note("the migrations are compiled in: build the program again to have the new one in it")
			}
			if t.json {
				return t.screen.printJSON(made)
			}
			for _, file := range files {
				t.screen.result(filepath.Join(dir, file.name))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&timestamp, "timestamp", false, "number it by the time, in UTC")
	cmd.Flags().BoolVar(&down, "down", false, "make the file that reverts it too")
	return cmd
}

type newFile struct{ name, content string }

// newFiles lays out the files of a migration with a title that a person has typed.
func newFiles(dir, title string, now time.Time, timestamp, down bool) ([]newFile, error) {
	title = strings.Join(strings.Fields(title), " ")
	slug := slugify(title)
	if slug == "" {
		return nil, usagef("%q gives no file name: want letters or digits", title)
	}
	newest, err := newestNumber(dir)
	if err != nil {
		return nil, err
	}
	stem := nextNumber(newest, now, timestamp) + "_" + slug
	header := fmt.Sprintf("-- Migration: %s\n-- Created: %s\n-- Description:\n\n", title, now.Format(time.DateOnly))
	files := []newFile{{stem + ".sql", header}}
	if down {
		files = append(files, newFile{stem + ".down.sql", strings.Replace(header, "Migration:", "Revert:", 1)})
	}
	return files, nil
}

// newestNumber returns the digits of the highest version in dir, "" for none. It reads names alone: a file that cannot
// be understood must not be in the way of a new one.
func newestNumber(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("read the migrations directory: %w", err)
	}
	var newest migrator.Version
	for _, entry := range entries {
		v := migrator.Version(entry.Name())
		if strings.HasSuffix(entry.Name(), ".sql") && !v.Repeatable() && (newest == "" || v.Compare(newest) > 0) {
			newest = v
		}
	}
	return leadingDigits(string(newest)), nil
}

// nextNumber counts on in decimal digits, which have no largest number.
func nextNumber(newest string, now time.Time, timestamp bool) string {
	const layout = "20060102150405"
	_, err := time.Parse(layout, newest)
	stamp := now.Format(layout)
	if (timestamp || err == nil) && migrator.Version(stamp).Compare(migrator.Version(newest)) > 0 {
		return stamp
	}
	if newest == "" {
		return "001"
	}
	digits := []byte(newest)
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] < '9' {
			digits[i]++
			return string(digits)
		}
		digits[i] = '0'
	}
	return "1" + string(digits)
}

// slugify makes a file name of a title: lower case, with an underscore for each run of other characters.
func slugify(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	return strings.Join(words, "_")
}

func leadingDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

// write makes the file; one that is there is left as it is.
func (f newFile) write(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, f.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("create migration: %w", err)
	}
	_, err = file.WriteString(f.content)
	return errors.Join(err, file.Close())
}
