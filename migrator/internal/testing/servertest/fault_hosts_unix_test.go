//go:build unix

package servertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/devpg"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// A replicated server is a primary and a standby that follows it.
type replicated struct {
	primary, standby *devpg.Server
}

func startReplicated(t *testing.T) replicated {
	t.Helper()
	dbtest.Slow(t)
	bin, err := devpg.Find()
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("PostgreSQL is not installed; CI has it")
	}
	require.NoError(t, err)
	start := func(dir string) *devpg.Server {
		server, err := devpg.Start(patience(t), devpg.Options{Binaries: bin, Data: dir, Settings: map[string]string{"fsync": "off"}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Stop()) })
		return server
	}
	dir, err := os.MkdirTemp("", "replicated")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755)) // the server's user, which is another one where we are root, has to enter it
	primary, standby := filepath.Join(dir, "primary"), filepath.Join(dir, "standby")
	require.NoError(t, start(primary).Stop())

	// The standby begins as a copy of the primary's files: pg_basebackup is not wherever initdb is.
	require.NoError(t, os.CopyFS(standby, os.DirFS(primary)))
	r := replicated{primary: start(primary)}
	conf, err := os.OpenFile(filepath.Join(standby, "cluster", "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(conf, "primary_conninfo = '%s'\n", r.primary.ConnString())
	require.NoError(t, errors.Join(err, conf.Close()))
	require.NoError(t, os.WriteFile(filepath.Join(standby, "cluster", "standby.signal"), nil, 0o600))
	info, err := os.Stat(primary)
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	require.NoError(t, filepath.WalkDir(standby, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700) // or the server refuses it
		}
		return errors.Join(err, os.Chown(path, int(owner.Uid), int(owner.Gid)))
	}))
	r.standby = start(standby)
	return r
}

// database makes one on both servers, and returns its URL with the hosts in their order.
func (r replicated) database(t *testing.T, name string, hosts ...*devpg.Server) string {
	t.Helper()
	if query(t, r.primary.ConnString(), "select count(*)::text from pg_database where datname = '"+name+"'")[0] == "0" {
		execute(t, r.primary.ConnString(), "create database "+name)
	}
	r.caughtUp(t)
	var addresses []string
	for _, host := range hosts {
		config, err := pgx.ParseConfig(host.ConnString())
		require.NoError(t, err)
		addresses = append(addresses, net.JoinHostPort(config.Host, fmt.Sprint(config.Port)))
	}
	u, err := url.Parse(r.primary.ConnString())
	require.NoError(t, err)
	u.Path = "/" + name
	return strings.Replace(u.String(), u.Host, strings.Join(addresses, ","), 1)
}

// caughtUp waits until the standby has what the primary has.
func (r replicated) caughtUp(t *testing.T) {
	t.Helper()
	at := query(t, r.primary.ConnString(), "select pg_current_wal_lsn()::text")[0]
	waitFor(t, r.standby.ConnString(), "select (pg_last_wal_replay_lsn() >= '"+at+"')::text")
}

func TestAConnectionStringWithSeveralHosts(t *testing.T) {
	t.Parallel()
	r := startReplicated(t)

	t.Run("leads to the primary behind a standby", func(t *testing.T) {
		hosts := r.database(t, "behind", r.standby, r.primary)
		require.Equal(t, []string{"true"}, query(t, hosts, "select pg_is_in_recovery()::text"), "the standby comes first")
		for i, mode := range modes {
			var seen recorder
			config := mode.config
			config.Observe = seen.observe
			atOnceApply(t, 2, 3, func() *migrator.Migrator { return open(t, hosts, ledgerFiles(3*(i+1)), config) })
			require.Empty(t, seen.of(migrator.EventReconnecting))
		}
		require.Equal(t, ledgerState(6), state(t, r.database(t, "behind", r.primary)))
	})

	t.Run("of which none can be written to is an error that says so", func(t *testing.T) {
		for name, more := range map[string]string{"alone": "", "beside_nobody": ",127.0.0.1:1"} {
			primary, standby := r.database(t, name, r.primary), strings.Replace(r.database(t, name, r.standby), "/"+name, more+"/"+name, 1)
			for files := 1; files <= 2; files++ { // without a history, and with one
				began := time.Now()
				_, err := open(t, standby, ledgerFiles(files), migrator.Config{ReconnectFor: 300 * time.Millisecond}).Run(patience(t), migrator.Up())
				require.ErrorContains(t, err, "is a standby")
				require.NotErrorIs(t, err, migrator.ErrUnsettled)
				require.Less(t, time.Since(began), 20*time.Second)
				_, err = open(t, primary, ledgerFiles(files), migrator.Config{}).Run(patience(t), migrator.Up())
				require.NoError(t, err)
				r.caughtUp(t)
			}
		}
		results, err := open(t, r.database(t, "alone", r.standby), ledgerFiles(2), migrator.Config{}).Run(patience(t), migrator.Up())
		require.NoError(t, err, "where nothing is pending a standby will do")
		require.Empty(t, results)
	})

	t.Run("may lead the watch to another server, which is told", func(t *testing.T) {
		two := r.database(t, "two", r.primary)
		elsewhere, err := pgx.ParseConfig(r.database(t, "two", r.standby))
		require.NoError(t, err)
		fsys := ledgerFiles(3)
		fsys["002_file.sql"] = files("x", "insert into ledger select 2 from pg_sleep(2);\n")["x"]
		var seen recorder
		_, err = open(t, two, fsys, migrator.Config{
			Observe: seen.observe,
			BeforeConnect: func(_ context.Context, config *pgx.ConnConfig) error {
				if strings.HasSuffix(config.RuntimeParams["application_name"], " watch") {
					config.Host, config.Port = elsewhere.Host, elsewhere.Port
				}
				return nil
			},
		}).Run(patience(t), migrator.Up())
		require.NoError(t, err)
		require.Equal(t, ledgerState(3), state(t, two))
		require.Len(t, seen.of(migrator.EventWarning), 1)
		require.Contains(t, seen.of(migrator.EventWarning)[0].Message, "the connection string has led to another server")
	})

	t.Run("survives a failover in the middle of a run", func(t *testing.T) {
		hosts := r.database(t, "failover", r.primary, r.standby)
		fsys := ledgerFiles(4)
		fsys["003_file.sql"] = files("x", "insert into ledger select 3 from pg_sleep(3);\n")["x"]
		var seen recorder
		var group errgroup.Group
		for range 2 {
			m := open(t, hosts, fsys, migrator.Config{Observe: seen.observe})
			group.Go(func() error {
				_, err := m.Run(patience(t), migrator.Up())
				return err
			})
		}
		waitFor(t, r.database(t, "failover", r.primary), "select (count(*) = 1)::text from pg_stat_activity where application_name like 'migrator % 003_file.sql'")
		r.caughtUp(t)
		require.NoError(t, r.primary.Stop())
		time.Sleep(time.Second) // the runs meet the standby
		execute(t, r.standby.ConnString(), "select pg_promote()")
		require.NoError(t, group.Wait())
		require.NotEmpty(t, seen.of(migrator.EventReconnecting))
		require.Equal(t, ledgerState(4), state(t, hosts))
	})
}
