package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"testing/fstest"

	"github.com/amacneil/dbmate/v2/pkg/dbmate"
	_ "github.com/amacneil/dbmate/v2/pkg/driver/postgres" // what dbmate connects with
	gomigrate "github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/pgx/v5" // what golang-migrate connects with
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // what goose connects with
	ternmigrate "github.com/jackc/tern/v2/migrate"
	"github.com/pressly/goose/v3"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// A tool applies what is pending.
type tool struct {
	name string
	file func(i int, up, down string) (name, text string) // how it wants a migration
	up   func(ctx context.Context, url string, files fs.FS) error
}

// tools are at their defaults. The first one is the floor.
var tools = []tool{
	{"floor", plain, floor},
	{"migrator", plain, ours},
	{"goose", func(i int, up, down string) (string, string) {
		return fmt.Sprintf("%05d_table.sql", i), "-- +goose Up\n" + up + "-- +goose Down\n" + down
	}, gooseUp},
	{"tern", func(i int, up, down string) (string, string) {
		return fmt.Sprintf("%05d_table.sql", i), up + "---- create above / drop below ----\n" + down
	}, tern},
	{"dbmate", func(i int, up, down string) (string, string) {
		return fmt.Sprintf("%05d_table.sql", i), "-- migrate:up\n" + up + "-- migrate:down\n" + down
	}, mate},
	{"golang-migrate", func(i int, up, _ string) (string, string) { return fmt.Sprintf("%05d_table.up.sql", i), up }, golangMigrate},
}

func plain(i int, up, _ string) (name, text string) { return fmt.Sprintf("%05d_table.sql", i), up }

// files are n migrations that make a table each.
func (t tool) files(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := 1; i <= n; i++ {
		name, text := t.file(i,
			fmt.Sprintf("create table t%d (id int primary key, name text not null);\ncreate index t%d_name on t%d (name);\n", i, i, i),
			fmt.Sprintf("drop table t%d;\n", i))
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// floor reads the history, and sends one message a file with its row in the same transaction.
func floor(ctx context.Context, url string, files fs.FS) error {
	migrations, config, err := prepare(url, files)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	send := func(sql string) (rows int, err error) {
		results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		if err == nil {
			rows = len(results[len(results)-1].Rows)
		}
		return rows, err
	}
	applied, err := send("create table if not exists schema_migrations (version varchar(255) primary key, applied_at timestamp default now(), checksum varchar(64)); select version, applied_at, checksum from schema_migrations")
	if err != nil {
		return err
	}
	for _, m := range migrations[applied:] {
		if _, err := send(fmt.Sprintf("begin; insert into schema_migrations (version, checksum) values ('%s', '%s'); %s; commit", m.Version, m.Checksum(), m.Up.SQL)); err != nil {
			return err
		}
	}
	return nil
}

func ours(ctx context.Context, url string, files fs.FS) error {
	migrations, config, err := prepare(url, files)
	if err != nil {
		return err
	}
	_, err = migrator.New(config, migrations, migrator.Config{}).Run(ctx, migrator.Up())
	return err
}

func prepare(url string, files fs.FS) ([]migrator.Migration, *pgx.ConnConfig, error) {
	migrations, err := migrator.Load(files)
	if err != nil {
		return nil, nil, err
	}
	config, err := pgx.ParseConfig(url)
	return migrations, config, err
}

func gooseUp(ctx context.Context, url string, files fs.FS) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func tern(ctx context.Context, url string, files fs.FS) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	m, err := ternmigrate.NewMigrator(ctx, conn, "schema_version")
	if err != nil {
		return err
	}
	if err := m.LoadMigrations(files); err != nil {
		return err
	}
	return m.Migrate(ctx)
}

func mate(_ context.Context, address string, files fs.FS) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	query := u.Query()
	query.Set("sslmode", "disable") // lib/pq insists on TLS otherwise
	u.RawQuery = query.Encode()
	db := dbmate.New(u)
	db.FS, db.MigrationsDir, db.AutoDumpSchema, db.Log = files, []string{"."}, false, io.Discard
	return db.Migrate()
}

func golangMigrate(_ context.Context, address string, files fs.FS) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	u.Scheme = "pgx5"
	source, err := iofs.New(files, ".")
	if err != nil {
		return err
	}
	m, err := gomigrate.NewWithSourceInstance("iofs", source, u.String())
	if err != nil {
		return err
	}
	err = m.Up()
	if errors.Is(err, gomigrate.ErrNoChange) {
		err = nil
	}
	return errors.Join(append([]error{err}, closeBoth(m)...)...)
}

func closeBoth(m *gomigrate.Migrate) []error {
	source, database := m.Close()
	return []error{source, database}
}
