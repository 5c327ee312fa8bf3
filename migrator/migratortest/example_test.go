package migratortest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// A package that uses New or Database lets Main run its tests, so that nothing is left behind.
func ExampleMain() {
	testMain := func(m *testing.M) { os.Exit(migratortest.Main(m)) } // func TestMain(m *testing.M)
	_ = testMain
}

// Each test has a database of its own, with every migration applied.
func ExampleNew() {
	test := func(t *testing.T) { // func TestAProjectHasAName(t *testing.T)
		t.Parallel()
		conn := migratortest.New(t, agentshaker.Migrations())

		_, err := conn.Exec(t.Context(), "insert into projects (name) values (null)")
		if err == nil {
			t.Error("a project without a name was taken")
		}
	}
	_ = test
}

// What takes an address, such as a pool or the program under test, gets that of the same database.
func ExampleNew_connString() {
	test := func(t *testing.T) {
		url := migratortest.New(t, agentshaker.Migrations()).Config().ConnString()

		second, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = second.Close(t.Context()) }()
	}
	_ = test
}

// Tests of the migrations themselves start from an empty database.
func ExampleDatabase() {
	test := func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), migratortest.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
	}
	_ = test
}
