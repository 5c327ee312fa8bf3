package migrator_test

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/agent-shaker/agent-shaker/migrator"
)

//go:embed testdata/example
var embedded embed.FS

// exampleFiles are a migration with its down file, and a repeatable one.
func exampleFiles() fs.FS {
	files, err := fs.Sub(embedded, "testdata/example")
	if err != nil {
		log.Fatal(err)
	}
	return files
}

// examplesURL names the variable with the URL of the database of the examples, which each of them empties. The tests of
// internal/testing/servertest set it and run the examples; a test that imported a server would put its modules into the go.sum of
// whoever imports this package.
const examplesURL = "MIGRATOR_EXAMPLES_URL"

// TestMain leaves the examples out where they have no database.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(examplesURL) == "" {
		skip := "^Example"
		if asked := flag.Lookup("test.skip").Value.String(); asked != "" {
			skip += "|" + asked
		}
		if err := flag.Set("test.skip", skip); err != nil {
			log.Fatal(err)
		}
	}
	os.Exit(m.Run())
}

// databaseURL is that of an empty database; a program has it from its environment.
func databaseURL() string {
	ctx := context.Background()
	url := os.Getenv(examplesURL)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "drop schema public cascade; create schema public"); err != nil {
		log.Fatal(err)
	}
	return url
}

// newExample is what the examples below begin with.
func newExample() *migrator.Migrator {
	migrations, err := migrator.Load(exampleFiles())
	if err != nil {
		log.Fatal(err)
	}
	config, err := migrator.ParseConfig(databaseURL())
	if err != nil {
		log.Fatal(err)
	}
	return migrator.New(config, migrations, migrator.Config{})
}

// A program migrates when it starts.
func Example() {
	ctx := context.Background()
	migrations, err := migrator.Load(exampleFiles())
	if err != nil {
		log.Fatal(err)
	}
	config, err := migrator.ParseConfig(databaseURL())
	if err != nil {
		log.Fatal(err)
	}
	results, err := migrator.New(config, migrations, migrator.Config{}).Run(ctx, migrator.Up())
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Direction, r.Version)
	}
	// Output:
	// up 001_users.sql
	// up R_names.sql
}

func ExampleLoad() {
	migrations, err := migrator.Load(exampleFiles())
	if err != nil {
		log.Fatal(err) // names each file that cannot be understood
	}
	for _, m := range migrations {
		fmt.Println(m.Version, m.Down != nil)
	}
	// Output:
	// 001_users.sql true
	// R_names.sql false
}

// A problem of a file is found before anything runs.
func ExampleLoad_problem() {
	_, err := migrator.Load(fstest.MapFS{"1-init.sql": {}})
	fmt.Println(err)
	// Output:
	// 1-init.sql: is not named NNN_name.sql
	// HINT: rename it to 1_init.sql
}

// With a pool: the migrator takes its configuration and dials connections of its own.
func ExampleNew_pool() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, databaseURL())
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	migrations, err := migrator.Load(exampleFiles())
	if err != nil {
		log.Fatal(err)
	}
	results, err := migrator.New(pool.Config().ConnConfig, migrations, migrator.Config{}).Run(ctx, migrator.Up())
	fmt.Println(len(results), err)
	// Output: 2 <nil>
}

func ExampleMigrator_Plan() {
	plan, err := newExample().Plan(context.Background(), migrator.Up())
	if err != nil {
		log.Fatal(err)
	}
	for _, move := range plan.Moves {
		fmt.Println(move.Direction, move.Migration.Version)
	}
	// Output:
	// up 001_users.sql
	// up R_names.sql
}

// A plan can be shown to a person, and then be done as it was shown.
func ExamplePlan_Only() {
	ctx := context.Background()
	m := newExample()
	if _, err := m.Run(ctx, migrator.Up()); err != nil {
		log.Fatal(err)
	}
	plan, err := m.Plan(ctx, migrator.Down(1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("revert", plan.Moves[0].Migration.Version)
	results, err := m.Run(ctx, plan.Only())
	fmt.Println(len(results), err)
	// Output:
	// revert 001_users.sql
	// 1 <nil>
}

func ExampleMigrator_Status() {
	statuses, err := newExample().Status(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range statuses {
		fmt.Println(s.Version, s.State)
	}
	// Output:
	// 001_users.sql pending
	// R_names.sql pending
}

func ExampleMigrator_Verify() {
	ctx := context.Background()
	url := databaseURL()
	config, err := migrator.ParseConfig(url)
	if err != nil {
		log.Fatal(err)
	}
	applied := fstest.MapFS{"1_a.sql": {Data: []byte("select 1;")}}
	edited := fstest.MapFS{"1_a.sql": {Data: []byte("select 2;")}}
	for _, files := range []fs.FS{applied, edited} {
		migrations, err := migrator.Load(files)
		if err != nil {
			log.Fatal(err)
		}
		m := migrator.New(config, migrations, migrator.Config{})
		_, _ = m.Run(ctx, migrator.Up()) // refuses the second time, as Verify says
		var mismatch *migrator.MismatchError
		if errors.As(m.Verify(ctx), &mismatch) {
			fmt.Println(mismatch.Mismatches[0].Version, mismatch.Mismatches[0].State)
		}
	}
	// Output: 1_a.sql changed
}

// A replica that leaves migrating to another one waits for it.
func ExampleMigrator_Wait() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m := newExample()
	go func() {
		if _, err := m.Run(ctx, migrator.Up()); err != nil {
			log.Fatal(err)
		}
	}()
	fmt.Println(m.Wait(ctx, migrator.Current))
	// Output: <nil>
}

func ExampleDown() {
	ctx := context.Background()
	m := newExample()
	if _, err := m.Run(ctx, migrator.Up()); err != nil {
		log.Fatal(err)
	}
	results, err := m.Run(ctx, migrator.Down(1))
	fmt.Println(results[0].Direction, results[0].Version, err)
	// Output: down 001_users.sql <nil>
}

// A database that was made without a history begins one.
func ExampleBaseline() {
	results, err := newExample().Run(context.Background(), migrator.Baseline("001"))
	for _, r := range results {
		fmt.Println("recorded", r.Change)
	}
	fmt.Println(err)
	// Output:
	// recorded 001_users.sql as applied
	// <nil>
}

func ExampleLogTo() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "elapsed" {
			return slog.Attr{}
		}
		return a
	}}))
	migrations, err := migrator.Load(exampleFiles())
	if err != nil {
		log.Fatal(err)
	}
	config, err := migrator.ParseConfig(databaseURL())
	if err != nil {
		log.Fatal(err)
	}
	m := migrator.New(config, migrations, migrator.Config{Observe: migrator.LogTo(logger)})
	if _, err := m.Run(context.Background(), migrator.UpN(1)); err != nil {
		log.Fatal(err)
	}
	// Output:
	// level=INFO msg="Pending migrations" count=1
	// level=INFO msg="Applying migration: 001_users.sql"
	// level=INFO msg="✓ Applied migration: 001_users.sql"
	// level=INFO msg="Successfully applied 1 migration(s)"
}

// A failure names its place, and says what the database contains.
func ExampleMigrationError() {
	migrations, err := migrator.Load(fstest.MapFS{"1_a.sql": {Data: []byte("create table a (id int);\nselect no_such_column;\n")}})
	if err != nil {
		log.Fatal(err)
	}
	config, err := migrator.ParseConfig(databaseURL())
	if err != nil {
		log.Fatal(err)
	}
	_, err = migrator.New(config, migrations, migrator.Config{}).Run(context.Background(), migrator.Up())
	var failed *migrator.MigrationError
	if errors.As(err, &failed) {
		fmt.Println(failed)
	}
	// Output:
	// 1_a.sql:2:8: column "no_such_column" does not exist (SQLSTATE 42703)
	//   2 | select no_such_column;
	//     |        ^
	// STATE: rolled back; nothing of this file was applied
}
