// Command migrator applies the migrations of a directory to PostgreSQL, and makes new ones: --dir, else MIGRATIONS_DIR,
// else ./migrations.
package main

import (
	"os"

	"github.com/agent-shaker/agent-shaker/migrator/cli"
)

func main() {
	os.Exit(cli.Main(nil))
}
