//go:build !windows

package devpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	pid    int
	handle *os.Process
	exited chan struct{}
}

// startProcess starts the server and does not wait until it is ready.
func startProcess(_ context.Context, s *Server) (*process, error) {
	log, err := s.home.root.OpenFile(logName, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(program(s.install.bin, "postgres"), "-D", s.home.cluster())
	cmd.Dir = s.home.dir
	cmd.Stdout, cmd.Stderr = log, log
	prepare(cmd, s.account)
	if err := s.watchdog.startServer(cmd); err != nil {
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid, handle: cmd.Process, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		s.watchdog.forget()
		close(p.exited)
	}()
	return p, nil
}

// stop ends the server and returns when it has ended: at once when its data is to be thrown away, else after writing
// everything to disk.
func (p *process) stop(s *Server) error {
	how, limit := syscall.SIGQUIT, 10*time.Second
	if !s.home.temporary {
		how, limit = syscall.SIGINT, time.Minute
	}
	if err := p.handle.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(limit):
	}
	if err := p.handle.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	<-p.exited
	if s.home.temporary {
		return nil
	}
	return fmt.Errorf("PostgreSQL did not stop within %s and was killed; it will recover when it is started again", limit)
}

// waitForGroup waits until all that a killed initdb has started is gone. The servers in it end by themselves when they
// cannot read from it any more. Killed, they would leave shared memory behind.
func waitForGroup(leader int) {
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		if errors.Is(syscall.Kill(-leader, 0), syscall.ESRCH) {
			return
		}
	}
	_ = syscall.Kill(-leader, syscall.SIGKILL)
}

func alive(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// tryLock locks a file until the last process that has inherited it closes it.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
