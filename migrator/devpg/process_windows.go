package devpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// process is a running server.
type process struct {
	pid    int
	exited chan struct{}
}

// startProcess starts the server through pg_ctl, which takes an administrator's rights from it, and waits until it is ready.
func startProcess(ctx context.Context, s *Server) (*process, error) {
	const seconds = "3600" // ctx says when to give up
	cmd := exec.CommandContext(ctx, program(s.install.bin, "pg_ctl"),
		"start", "-w", "-t", seconds, "-D", s.home.cluster(), "-l", filepath.Join(s.home.dir, logName))
	cmd.Dir = s.home.dir
	prepare(cmd, s.account)
	if err := cmd.Run(); err != nil {
		if pid(s.home) != 0 {
			err = errors.Join(err, pgctlStop(s))
		}
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	p := &process{pid: pid(s.home), exited: make(chan struct{})}
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("find the server's process: %w", err), pgctlStop(s))
	}
	s.watchdog.follow(p.pid)
	go func() {
		_, _ = handle.Wait()
		close(p.exited)
	}()
	return p, nil
}

func pid(h *home) int {
	text, _ := os.ReadFile(h.pidFile())
	first, _, _ := strings.Cut(string(text), "\n")
	n, _ := strconv.Atoi(strings.TrimSpace(first))
	return n
}

// stop ends the server and returns when it has ended.
func (p *process) stop(s *Server) error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := pgctlStop(s); err != nil {
		return err
	}
	<-p.exited
	return nil
}

func pgctlStop(s *Server) error {
	mode := "fast"
	if s.home.temporary {
		mode = "immediate"
	}
	cmd := exec.Command(program(s.install.bin, "pg_ctl"), "stop", "-w", "-m", mode, "-D", s.home.cluster())
	cmd.Dir = s.home.dir
	prepare(cmd, s.account)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w%s", err, indent(string(out)))
	}
	return nil
}

// account stands for our own user, as whom everything runs here.
type account struct{}

func serverAccount(string) (*account, error) { return nil, nil }

func tempDir() string { return os.TempDir() }

func (*account) own(*os.File) error { return nil }

func (*account) stranger(os.FileInfo, string) bool { return false }

func singleLink(os.FileInfo) bool { return true }

// prepare gives a command no console, where the Ctrl-C of ours would reach it.
func prepare(cmd *exec.Cmd, _ *account) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		HideWindow:    true,
		CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW,
	}
	cmd.Env = environment()
}

func waitForGroup(int) {}

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}

// tryLock locks a byte far behind the file's text, which others may go on reading.
func tryLock(f *os.File) (bool, error) {
	at := &windows.Overlapped{Offset: 1 << 30}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
