package devpg

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// home is the directory of one server, open to its user only:
//
//	cluster/      PostgreSQL's data directory
//	cluster.new/  the same while initdb makes it
//	password      of the role
//	server.log    of the current run, or of the last one
//	lock          who uses the directory; only where it is kept
type home struct {
	dir       string
	root      *os.Root // of dir: files are opened through it, so that no link leads us out
	temporary bool
	created   bool // by this start
	lock      *os.File
}

// Names in it.
const (
	clusterName    = "cluster"
	newClusterName = "cluster.new"
	passwordName   = "password"
	logName        = "server.log"
	lockName       = "lock"
)

func (h *home) cluster() string      { return filepath.Join(h.dir, clusterName) }
func (h *home) newCluster() string   { return filepath.Join(h.dir, newClusterName) }
func (h *home) passwordFile() string { return filepath.Join(h.dir, passwordName) }
func (h *home) pidFile() string      { return filepath.Join(h.cluster(), "postmaster.pid") }

// initialized tells whether initdb has run to its end.
func (h *home) initialized() bool {
	_, err := h.root.Stat(filepath.Join(clusterName, "PG_VERSION"))
	return err == nil
}

// openHome chooses a temporary directory, which make makes, or takes data for as long as the server runs.
func openHome(data string, account *account) (_ *home, err error) {
	h := &home{dir: data}
	if data == "" {
		h.temporary, h.created = true, true
		h.dir = filepath.Join(tempDir(), "devpg-"+strings.ToLower(rand.Text()))
		return h, nil
	}
	if err := os.MkdirAll(filepath.Dir(data), 0o755); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	switch err := os.Mkdir(data, 0o700); {
	case err == nil:
		h.created = true
	case !errors.Is(err, os.ErrExist):
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if err := h.take(account); err != nil {
		err = errors.Join(err, h.leave())
		h.unlock()
		return nil, err
	}
	return h, nil
}

// make makes a temporary directory, once there is somebody to remove it when we are killed.
func (h *home) make(account *account) error {
	if !h.temporary {
		return nil
	}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	var err error
	if h.root, err = os.OpenRoot(h.dir); err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	return h.give(account)
}

// give makes the directory private to the server's user.
func (h *home) give(account *account) error {
	dir, err := h.root.Open(".")
	if err != nil {
		return fmt.Errorf("make the data directory private: %w", err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Chmod(0o700); err != nil {
		return fmt.Errorf("make the data directory private: %w", err)
	}
	return account.own(dir)
}

// take locks a kept directory and makes sure that nothing else is in it.
func (h *home) take(account *account) (err error) {
	if h.root, err = os.OpenRoot(h.dir); err != nil {
		return fmt.Errorf("open the data directory: %w", err)
	}
	if err := h.refuseStranger(account); err != nil {
		return err
	}
	if err := h.onlyOurs(); err != nil {
		return err
	}
	lock, err := h.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	if err := waitForLock(lock, h.dir); err != nil {
		_ = lock.Close()
		return err
	}
	h.lock = lock
	if h.initialized() {
		return nil
	}
	if err := h.root.RemoveAll(newClusterName); err != nil {
		return fmt.Errorf("remove what an interrupted start left: %w", err)
	}
	return errors.Join(h.give(account), account.own(lock))
}

// refuseStranger keeps root out of a directory that somebody else has filled. An empty one, such as a volume that belongs to a
// developer, is taken over, and looked at again once nobody else can write to it.
func (h *home) refuseStranger(account *account) error {
	info, err := h.root.Stat(".")
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	if !account.stranger(info, h.dir) {
		return nil
	}
	for _, last := range []bool{false, true} {
		entries, err := fs.ReadDir(h.root.FS(), ".")
		if err != nil {
			return fmt.Errorf("read the data directory: %w", err)
		}
		if len(entries) > 0 {
			return fmt.Errorf("the data directory %s has files and belongs to another user, who may have made them to mislead root: name another directory, or give this one to root (chown root)", h.dir)
		}
		if last {
			break
		}
		if err := h.give(account); err != nil {
			return err
		}
	}
	return nil
}

func (h *home) onlyOurs() error {
	entries, err := fs.ReadDir(h.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("read the data directory: %w", err)
	}
	for _, entry := range entries {
		info, err := h.root.Lstat(entry.Name())
		if err != nil {
			return fmt.Errorf("read the data directory: %w", err)
		}
		ours := false
		switch entry.Name() {
		case clusterName, newClusterName:
			ours = info.IsDir()
		case passwordName, logName, lockName:
			ours = info.Mode().IsRegular() && singleLink(info)
		default:
			return fmt.Errorf("the data directory %s has something else in it (%s): name an empty or a new directory", h.dir, entry.Name())
		}
		if !ours {
			return fmt.Errorf("the data directory %s has a link in place of %s: remove it, or name another directory", h.dir, entry.Name())
		}
	}
	return nil
}

// waitForLock waits only while the directory's former user, who is gone, is being cleaned up after.
func waitForLock(lock *os.File, dir string) error {
	const cleanup = time.Minute
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		switch locked, err := tryLock(lock); {
		case err != nil:
			return fmt.Errorf("lock the data directory: %w", err)
		case locked:
			_ = lock.Truncate(0)
			_, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
			return err
		}
		text, _ := io.ReadAll(io.NewSectionReader(lock, 0, 32))
		owner, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && alive(owner) {
			return fmt.Errorf("a server that process %d started is running on the data directory %s: stop it, or name another directory", owner, dir)
		}
		if time.Since(begin) > cleanup {
			return fmt.Errorf("a server is running on the data directory %s: stop it, or name another directory", dir)
		}
	}
}

// leave removes what need not be kept: everything that is temporary, and a directory that this start made in vain.
func (h *home) leave() error {
	if !h.temporary && h.lock == nil {
		return nil // somebody else's
	}
	if !h.temporary && (!h.created || h.initialized()) {
		return h.root.RemoveAll(newClusterName)
	}
	if h.root != nil {
		_ = h.root.Close()
	}
	// Windows holds on to the files of a process for a moment after its end.
	err := os.RemoveAll(h.dir)
	for try := 0; err != nil && try < 20; try++ {
		time.Sleep(100 * time.Millisecond)
		err = os.RemoveAll(h.dir)
	}
	return err
}

func (h *home) unlock() {
	if h.lock != nil {
		_ = h.lock.Close()
	}
	if h.root != nil {
		_ = h.root.Close()
	}
}
