package a_test

import (
	"fmt"
	"os"
	"testing"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestMain(m *testing.M) { os.Exit(migratortest.Main(m)) }

// TestUsesADatabase tells the server and the template, for a test of migratortest.
func TestUsesADatabase(t *testing.T) {
	conn := migratortest.New(t, agentshaker.Migrations())
	var templates string
	err := conn.QueryRow(t.Context(), "select string_agg(oid::text, ',') from pg_database where datname like 'migrator%'").Scan(&templates)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("used %s, %d, templates %s\n", conn.Config().Host, conn.Config().Port, templates)
}
