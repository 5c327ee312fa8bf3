// Command migrator applies Agent Shaker's migrations, and makes new ones.
package main

import (
	"os"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator/cli"
)

func main() {
	os.Exit(cli.Main(agentshaker.Migrations()))
}
