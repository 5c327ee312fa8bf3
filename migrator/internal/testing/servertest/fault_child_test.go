package servertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// childEnv makes the test binary a program that migrates: a process to be killed. Its value is a childTask.
const childEnv = "MIGRATOR_TEST_CHILD"

type childTask struct {
	URL, Case string
	Files     int
	First     string
}

// childReady is the event of a child that waits to be let go.
const childReady migrator.EventKind = "ready"

type childEvent struct {
	Kind     migrator.EventKind
	Version  migrator.Version
	Backends []migrator.Backend
}

// beChild is the child's main. It waits for its stdin to end, so that starting a process is not part of what is measured,
// and prints its events.
func beChild(text string) int {
	err := migrateAsChild(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func migrateAsChild(text string) error {
	var task childTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return err
	}
	conn, err := pgx.ParseConfig(task.URL)
	if err != nil {
		return err
	}
	if run := benchCases[task.Case]; run != nil {
		defer func() { fmt.Println(peakMemory()) }()
		return run(context.Background(), task.URL, tableFiles(task.Files))
	}
	for _, c := range faultCases() {
		if c.name != task.Case {
			continue
		}
		migrations, err := migrator.Load(c.files(task.Files, task.First))
		if err != nil {
			return err
		}
		out := json.NewEncoder(os.Stdout)
		c.config.Observe = func(e migrator.Event) { _ = out.Encode(childEvent{e.Kind, e.Version, e.Backends}) }
		c.config.Observe(migrator.Event{Kind: childReady})
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			return err
		}
		_, err = migrator.New(conn, migrations, c.config).Run(context.Background(), migrator.Up())
		return err
	}
	return fmt.Errorf("no case %q", task.Case)
}

// A child is a running one.
type child struct {
	cmd    *exec.Cmd
	gate   io.Closer
	line   []byte
	stderr bytes.Buffer
	events chan childEvent // closed when the process has ended
	ended  chan struct{}
	err    error // how it has ended
}

// startChild returns when the child is ready to be let go. It is killed at the end of the test, if not before.
func startChild(t *testing.T, task childTask) *child {
	t.Helper()
	c := &child{cmd: childCommand(t, task), events: make(chan childEvent, 1<<12), ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = c, &c.stderr
	var err error
	c.gate, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	go func() {
		c.err = c.cmd.Wait()
		close(c.events)
		close(c.ended)
	}()
	t.Cleanup(c.kill)
	c.until(t, childReady, 1)
	return c
}

// childCommand is the test binary as a process that does the task.
func childCommand(tb testing.TB, task childTask) *exec.Cmd {
	tb.Helper()
	text, err := json.Marshal(task)
	require.NoError(tb, err)
	program, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GORACE=atexit_sleep_ms=0") // a second, otherwise
	return cmd
}

// Write takes what the child prints.
func (c *child) Write(text []byte) (int, error) {
	c.line = append(c.line, text...)
	for {
		line, rest, ended := bytes.Cut(c.line, []byte("\n"))
		if !ended {
			return len(text), nil
		}
		c.line = rest
		var e childEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return 0, err
		}
		c.events <- e
	}
}

func (c *child) letGo() { _ = c.gate.Close() }

// until returns the n-th event of a kind from now on.
func (c *child) until(t *testing.T, kind migrator.EventKind, n int) childEvent {
	t.Helper()
	enough := time.After(time.Minute)
	for {
		select {
		case e, ok := <-c.events:
			if !ok {
				<-c.ended
				require.FailNow(t, "the process has ended", "before %s: %v: %s", kind, c.err, &c.stderr)
			}
			if e.Kind == kind {
				n--
			}
			if n == 0 {
				return e
			}
		case <-enough:
			require.FailNow(t, "the process does not get on", "to %s", kind)
		}
	}
}

// kill ends the child as kill -9 does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}
