//go:build !windows

package devpg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// watchdog is a shell that outlives us. It reads orders from a pipe whose other end is ours; the kernel closes that end
// when we die, however we die. Then the watchdog does what Stop would have done.
type watchdog struct {
	home *home
	cmd  *exec.Cmd

	mu   sync.Mutex
	pipe *os.File
}

// script takes the directory to remove, or nothing, and the server's pid file. The order "follow SIGNAL PID ALL" names the
// process that has to get a signal when we are gone, and what has to end then: that process, or its group.
// A process that ended keeps its number until somebody asks for its exit status, which some containers have nobody for;
// so after a while the pid file tells whether there is still a server.
// "kill -SIGNAL -GROUP" is the one form that dash, bash and busybox all know.
const script = `
trap '' HUP INT TERM
PATH=$PATH:/usr/bin:/bin
pid=
while read -r order first second third; do
	case $order in
	follow) signal=$first pid=$second all=$third ;;
	forget) pid= ;;
	release) exit ;;
	esac
done
if [ -n "$pid" ]; then
	kill "-$signal" "$pid"
	tries=0
	while kill -0 "$all"; do
		[ $tries -ge 50 ] && ! [ -e "$2" ] && break
		[ $tries -ge 600 ] && kill -KILL "$all" && break
		sleep 0.1 || sleep 1
		tries=$((tries + 1))
	done
fi
[ -z "$1" ] || rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
`

// gate holds a command back until the watchdog knows its number: without it, a kill in between would leave an orphan.
const gate = `read -r go && exec "$@" </dev/null`

// startWatchdog starts it as the server's user, so that it can do no more than it has to. It keeps the lock of the
// directory until it has ended.
func startWatchdog(h *home, account *account) (*watchdog, error) {
	orders, pipe, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	defer func() { _ = orders.Close() }()
	remove := ""
	if h.temporary {
		remove = h.dir
	}
	cmd := exec.Command("/bin/sh", "-c", script, "devpg-watchdog", remove, h.pidFile())
	cmd.Dir = "/"
	cmd.Stdin = orders
	if h.lock != nil {
		cmd.ExtraFiles = []*os.File{h.lock}
	}
	prepare(cmd, account)
	if err := cmd.Start(); err != nil {
		_ = pipe.Close()
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &watchdog{home: h, cmd: cmd, pipe: pipe}, nil
}

// startServer starts a server, which has to go when we are gone: at once, or with its data written.
func (w *watchdog) startServer(cmd *exec.Cmd) error {
	if w.home.temporary {
		return w.start(cmd, "QUIT", "")
	}
	return w.start(cmd, "INT", "")
}

// startGroup starts a command that has to go when we are gone, with all that it started.
func (w *watchdog) startGroup(cmd *exec.Cmd) error {
	return w.start(cmd, "KILL", "-")
}

func (w *watchdog) start(cmd *exec.Cmd, signal, group string) error {
	closed, open, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = open.Close() }()
	defer func() { _ = closed.Close() }()
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", gate, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Stdin = closed
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	w.order("follow " + signal + " " + pid + " " + group + pid)
	if _, err := open.WriteString("go\n"); err != nil {
		return errors.Join(err, cmd.Wait())
	}
	return nil
}

// forget must be called before the number of an ended process can belong to another one.
func (w *watchdog) forget() { w.order("forget") }

// release ends the watchdog; nothing is left for it to do.
func (w *watchdog) release() {
	w.order("release")
	_ = w.pipe.Close()
	_ = w.cmd.Wait()
}

// order cannot fail in a way that matters: a watchdog that somebody killed has no successor.
func (w *watchdog) order(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.pipe.WriteString(text + "\n")
}
