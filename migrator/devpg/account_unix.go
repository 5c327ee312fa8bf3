//go:build !windows

package devpg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that the server's processes run as; nil is our own.
type account struct {
	name     string
	uid, gid uint32
	adopted  bool // it is none that we would choose, but owns the cluster
}

// serverAccount finds a user for the server where we are root: one that can reach the directory where path is or will be.
func serverAccount(path string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	parent := filepath.Dir(path)
	for _, err := os.Stat(parent); err != nil && parent != "/"; _, err = os.Stat(parent) {
		parent = filepath.Dir(parent)
	}
	var tried []error
	for _, a := range accounts(path) {
		cmd := exec.Command("/bin/sh", "-c", `cd -- "$1"`, "sh", parent)
		prepare(cmd, a)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return a, nil
		}
		tried = append(tried, fmt.Errorf("as %s: %w%s", a.name, err, indent(string(out))))
	}
	err := fmt.Errorf("PostgreSQL does not run as root, and no other user can enter %s: "+
		"name a directory elsewhere, or run this as another user", parent)
	return nil, errors.Join(append([]error{err}, tried...)...)
}

// tempDir is where temporary directories go. Some systems give root a TMPDIR that nobody else can enter, as pam_tmpdir
// does.
func tempDir() string {
	own := os.TempDir()
	for _, dir := range []string{own, "/tmp", "/var/tmp"} {
		if _, err := serverAccount(filepath.Join(dir, "devpg")); err == nil {
			return dir
		}
	}
	return own
}

// accounts lists users for the server, the preferred first. A cluster that exists has to go on with its owner. A number
// without a name will not do: initdb looks it up.
func accounts(path string) []*account {
	var list []*account
	if u, err := user.LookupId(os.Getenv("SUDO_UID")); err == nil {
		list = append(list, accountOf(u)...)
	}
	for _, name := range []string{role, "nobody", "daemon", "bin"} {
		if u, err := user.Lookup(name); err == nil {
			list = append(list, accountOf(u)...)
		}
	}
	var stat syscall.Stat_t
	if err := syscall.Lstat(filepath.Join(path, clusterName), &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFDIR || stat.Uid == 0 {
		return list
	}
	for _, a := range list {
		if a.uid == stat.Uid {
			return []*account{a}
		}
	}
	return []*account{{name: fmt.Sprintf("user %d", stat.Uid), uid: stat.Uid, gid: stat.Gid, adopted: true}}
}

// accountOf reads the numbers of a user; macOS writes that of nobody as -2.
func accountOf(u *user.User) []*account {
	uid, errUID := strconv.ParseInt(u.Uid, 10, 64)
	gid, errGID := strconv.ParseInt(u.Gid, 10, 64)
	if errUID != nil || errGID != nil || uid == 0 {
		return nil
	}
	return []*account{{name: "user " + u.Username, uid: uint32(uid), gid: uint32(gid)}}
}

// own gives a file or directory to the server's user.
func (a *account) own(file *os.File) error {
	if a == nil {
		return nil
	}
	if err := file.Chown(int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give it to the %s: %w", a.name, err)
	}
	return nil
}

// stranger reports whether a directory belongs to somebody whose files root must not touch: neither root, nor who has called
// sudo, nor the server's user. Whoever made a cluster in a directory that anybody can write to is not yet the server's user.
func (a *account) stranger(dir os.FileInfo, path string) bool {
	if a == nil {
		return false
	}
	uid := dir.Sys().(*syscall.Stat_t).Uid
	switch {
	case uid == 0, strconv.Itoa(int(uid)) == os.Getenv("SUDO_UID"):
		return false
	case uid != a.uid:
		return true
	}
	parent, err := os.Stat(filepath.Dir(path))
	return a.adopted && (err != nil || parent.Mode().Perm()&0o022 != 0)
}

// singleLink reports whether a file has just one name: with another one it may be somebody else's.
func singleLink(file os.FileInfo) bool { return file.Sys().(*syscall.Stat_t).Nlink == 1 }

// prepare lets a command run as the server's user, and in a session of its own, where the Ctrl-C of our terminal does
// not reach it. Settings of ours that would change PostgreSQL's ways stay behind.
func prepare(cmd *exec.Cmd, a *account) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	cmd.Env = environment()
}
