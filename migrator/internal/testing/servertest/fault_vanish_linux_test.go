package servertest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync/atomic"
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

// TestAHostThatVanishesKeepsNoLock needs a network of its own, in which packets can be dropped: it runs itself in one.
func TestAHostThatVanishesKeepsNoLock(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	const inside = "MIGRATOR_TEST_NETWORK"
	if os.Getenv(inside) != "" {
		vanish(t)
		return
	}
	_, noIP := exec.LookPath("ip")
	_, noTables := exec.LookPath("iptables")
	if (noIP != nil || noTables != nil || os.Getuid() != 0) && os.Getenv("CI") == "" {
		t.Skip("needs root, ip and iptables; CI has them")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// vanish drops all packets of a run that works, and lets it dial no more. The server finds out by itself and gives the
// lock to another run; so does the run, which waits for its server no longer.
func vanish(t *testing.T) {
	t.Helper()
	command(t, "ip", "link", "set", "lo", "up")
	bin, err := devpg.Find()
	require.NoError(t, err)
	server, err := devpg.Start(patience(t), devpg.Options{Binaries: bin})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	url := server.ConnString()
	execute(t, url, "create table there (is_work bool)")
	execute(t, url, "insert into there values (true)")
	fsys := files("001_work.sql", "create table ledger (file int not null);\ninsert into ledger values (1);\nselect pg_sleep(600) from there where is_work;\n")

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	var alone atomic.Bool
	var lost error
	var both errgroup.Group
	both.Go(func() error {
		_, lost = open(t, url, fsys, migrator.Config{BeforeConnect: func(context.Context, *pgx.ConnConfig) error {
			if alone.Load() {
				return errors.New("there is no network")
			}
			return nil
		}}).Run(ctx, migrator.Up())
		return nil
	})
	waitFor(t, url, "select (count(*) = 1)::text from pg_stat_activity where application_name like 'migrator % 001_work.sql' and wait_event = 'PgSleep'")
	alone.Store(true)
	for _, port := range query(t, url, "select client_port::text from pg_stat_activity where application_name like 'migrator %'") {
		command(t, "iptables", "-A", "INPUT", "-p", "tcp", "--sport", port, "-j", "DROP")
		command(t, "iptables", "-A", "INPUT", "-p", "tcp", "--dport", port, "-j", "DROP")
	}
	execute(t, url, "delete from there")
	both.Go(func() error {
		_, err := open(t, url, fsys, migrator.Config{}).Run(ctx, migrator.Up())
		return err
	})
	require.NoError(t, both.Wait())
	require.ErrorContains(t, lost, "there is no network")
	require.NoError(t, ctx.Err())
	require.Equal(t, []string{"1"}, query(t, url, "select file::text from ledger"))
	// A session that has nothing to say and holds nothing may stay until TCP itself gives it up.
	waitFor(t, url, "select (count(*) = 0)::text from pg_locks where locktype = 'advisory'")
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	output, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, output)
}
