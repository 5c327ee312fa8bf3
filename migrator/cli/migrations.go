package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agent-shaker/agent-shaker/migrator"
)

const allowEmpty = "allow-empty"

// emptyFlag is for commands whose success says nothing where there are no migrations.
func emptyFlag(cmd *cobra.Command) {
	cmd.Flags().Bool(allowEmpty, false, "go on where there are no migrations, or only those of another tool")
}

func refusesEmpty(cmd *cobra.Command) bool {
	allowed, err := cmd.Flags().GetBool(allowEmpty) // an error: the command has no such flag
	return err == nil && !allowed
}

// migrations loads the files and says what was left out.
func (t *tool) migrations(cmd *cobra.Command) ([]migrator.Migration, error) {
	files, done, err := t.source()
	if err != nil {
		return nil, err
	}
	defer done()
	migrations, err := migrator.Load(files)
	if errors.Is(err, migrator.ErrNoMigrations) {
		if dir, _ := t.directory(); dir != "" {
			err = fmt.Errorf("%s: %w", dir, err)
		}
		if refusesEmpty(cmd) {
			return nil, fmt.Errorf("%w; or go on without them: --%s", err, allowEmpty)
		}
		t.screen.warn("%v", err)
		err = nil
	}
	return migrations, errors.Join(t.warnOfSkipped(files), err)
}

func (t *tool) warnOfSkipped(files fs.FS) error {
	skipped, err := migrator.Skipped(files)
	for _, name := range skipped {
		if strings.HasSuffix(name, "/") {
			t.screen.warn("%s is not read: only the folder's own files are migrations", name)
			continue
		}
		t.screen.warn("%s is not a migration: its name starts neither with a digit nor with R_", name)
	}
	return err
}
