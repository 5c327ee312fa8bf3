//go:build linux || darwin

package migratortest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// meeting is the directory where the processes of one go test meet. It is open to their user only:
//
//	lock         who looks for the server, one at a time
//	keeper       locked as long as the keeper lives
//	keeper.log   what the keeper has to say
//	server.json  what it found
type meeting struct {
	root   *os.Root
	dir    string
	parent process
}

const (
	lockFile   = "lock"
	keeperFile = "keeper"
	logFile    = "keeper.log"
	serverFile = "server.json"
)

// join returns what the keeper of our go test found. It is nil when it was not go test that started this process.
func join(env func(string) string) (*outcome, error) {
	parent, ok := goCommand()
	if !ok {
		return nil, nil
	}
	m, err := meet(parent, settings(env))
	if err != nil {
		return nil, err
	}
	defer func() { _ = m.root.Close() }()
	return m.ask()
}

// meet opens the directory, and makes sure that nobody else has put it there.
func meet(parent process, settings string) (*meeting, error) {
	sum := sha256.Sum256([]byte(parent.start + "\n" + settings))
	dir, err := filepath.Abs(filepath.Join(os.TempDir(), fmt.Sprintf("migratortest-%d-%d-%x", os.Geteuid(), parent.pid, sum[:8])))
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	named, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	stat, ok := opened.Sys().(*syscall.Stat_t)
	if !ok || !os.SameFile(named, opened) || stat.Uid != uint32(os.Geteuid()) || opened.Mode().Perm()&0o077 != 0 {
		return nil, errors.Join(fmt.Errorf("%s is not a directory of this user alone", dir), root.Close())
	}
	return &meeting{root: root, dir: dir, parent: parent}, nil
}

// ask returns what the keeper found, and starts one where there is none. The others wait meanwhile.
func (m *meeting) ask() (*outcome, error) {
	lock, err := m.open(lockFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Close() }()
	for locked := false; !locked; {
		if locked, err = tryLock(lock); err != nil {
			return nil, err
		}
		if !locked {
			time.Sleep(20 * time.Millisecond)
		}
	}
	started, err := m.keep()
	if err != nil {
		return nil, err
	}
	o, err := m.wait(started)
	if err != nil {
		return nil, err
	}
	o.started = started
	return o, nil
}

// keep starts a keeper unless one is alive. It inherits the lock, so that there is no moment without.
func (m *meeting) keep() (started bool, err error) {
	life, err := m.open(keeperFile)
	if err != nil {
		return false, err
	}
	defer func() { _ = life.Close() }()
	if dead, err := tryLock(life); !dead {
		return false, err
	}
	if err := m.root.Remove(serverFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err // of a keeper that was killed
	}
	log, err := m.root.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer func() { _ = log.Close() }()
	program, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.Command(program, m.dir, strconv.Itoa(m.parent.pid), m.parent.start)
	cmd.Args[0] = "migratortest-keeper"
	cmd.Env = append(os.Environ(), keeperEnv+"=1")
	// go test waits for all that hold on to the output of a test, and Ctrl-C goes to a whole session.
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.ExtraFiles = []*os.File{life}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start the keeper: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return true, nil
}

// wait waits for the keeper's word, and passes on what it says meanwhile to those who had to wait for a download.
func (m *meeting) wait(started bool) (*outcome, error) {
	var told int64
	for {
		if started {
			log, _ := m.root.ReadFile(logFile)
			news := log[min(told, int64(len(log))):]
			told += int64(len(news))
			_, _ = io.Copy(os.Stderr, bytes.NewReader(news))
		}
		text, err := m.root.ReadFile(serverFile)
		if err == nil {
			o := &outcome{}
			return o, json.Unmarshal(text, o)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		life, err := m.open(keeperFile)
		if err != nil {
			return nil, err
		}
		dead, err := tryLock(life)
		_ = life.Close()
		if dead || err != nil {
			log, _ := m.root.ReadFile(logFile)
			return nil, errors.Join(errors.New("the keeper of the server died "+strings.TrimSpace(string(log))), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (m *meeting) open(name string) (*os.File, error) {
	return m.root.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
}

// tryLock locks a file until the last process that has inherited it closes it.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
