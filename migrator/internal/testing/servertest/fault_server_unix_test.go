//go:build unix

package servertest

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/devpg"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// An ownServer is a PostgreSQL that a test may do anything to.
type ownServer struct{ *devpg.Server }

func startServer(t *testing.T, settings map[string]string) ownServer {
	t.Helper()
	dbtest.Slow(t)
	server, err := devpg.Start(t.Context(), devpg.Options{Settings: settings})
	require.NoError(t, err)
	s := ownServer{server}
	t.Cleanup(func() {
		_, _ = s.control("stop", "-m", "immediate") // one that was restarted is none that Stop knows
		require.NoError(t, s.Stop())
	})
	return s
}

// control is pg_ctl, which has to be run by the server's user.
func (s ownServer) control(args ...string) (output string, err error) {
	data := filepath.Join(s.Dir(), "cluster")
	info, err := os.Stat(data)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(s.Bin(), "pg_ctl"), append(args, "-w", "-D", data, "-l", filepath.Join(s.Dir(), "server.log"))...)
	cmd.Dir = s.Dir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if owner := info.Sys().(*syscall.Stat_t); int(owner.Uid) != os.Geteuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
	text, err := cmd.CombinedOutput()
	return string(text), err
}

func (s ownServer) must(t *testing.T, args ...string) {
	t.Helper()
	output, err := s.control(args...)
	require.NoError(t, err, output)
}

// database makes one and returns its URL.
func (s ownServer) database(t *testing.T, name string) string {
	t.Helper()
	execute(t, s.ConnString(), "create database "+name)
	return strings.Replace(s.ConnString(), "/postgres?", "/"+name+"?", 1)
}

// What was reported as committed must be there after a crash of the server, which devpg gives up for speed.
var durable = map[string]string{"synchronous_commit": "on"}

func TestPromise3ARunOutlivesRestartsOfItsServer(t *testing.T) {
	t.Parallel()
	server := startServer(t, durable)
	for i, c := range faultCases() {
		t.Run(c.name, func(t *testing.T) {
			const files, first = 20, "select pg_sleep(0.05)"
			url := server.database(t, "restart"+string(rune('a'+i)))
			started := newStarts()
			var seen recorder
			c.config.Observe = func(e migrator.Event) {
				seen.observe(e)
				started.observe(e)
			}
			ended := inBackground(t, open(t, url, c.files(files, first), c.config))
			for range 3 {
				started.wait(t, 5)
				time.Sleep(rand.N(50 * time.Millisecond))
				server.must(t, "restart", "-m", "immediate")
			}
			run := <-ended
			require.NoError(t, run.err)
			require.Len(t, run.results, files)
			require.ElementsMatch(t, c.want(files), c.state(t, url))
			require.GreaterOrEqual(t, len(seen.of(migrator.EventReconnecting)), 3)
		})
	}
}

func TestAServerThatIsStoppedForGoodIsToldWithWhatIsKnown(t *testing.T) {
	t.Parallel()
	server := startServer(t, durable)
	for i, c := range faultCases() {
		t.Run(c.name, func(t *testing.T) {
			const first = "select pg_sleep(seconds) from pace"
			url := server.database(t, "stop"+string(rune('a'+i)))
			execute(t, url, "create table pace (seconds float)")
			_, err := open(t, url, c.files(2, first), c.config).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			execute(t, url, "insert into pace values (60)")

			config := c.config
			config.ReconnectFor = 2 * time.Second
			ended := inBackground(t, open(t, url, c.files(4, first), config))
			waitFor(t, url, oneSleeps)
			server.must(t, "stop", "-m", "immediate")
			stopped := time.Now()
			run := <-ended
			took := time.Since(stopped)
			require.Empty(t, run.results)
			require.ErrorIs(t, run.err, migrator.ErrUnsettled)
			require.ErrorContains(t, run.err, "003_file.sql")
			require.ErrorContains(t, run.err, "STATE: not known, the server could not be asked; run it again, the history decides")
			require.Less(t, took, 15*time.Second)

			server.must(t, "start")
			execute(t, url, "delete from pace")
			results, err := open(t, url, c.files(4, first), c.config).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Len(t, results, 2)
			require.ElementsMatch(t, c.want(4), c.state(t, url))
		})
	}
}
