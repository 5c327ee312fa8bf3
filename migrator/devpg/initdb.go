package devpg

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	role     = "postgres"
	confFile = "devpg.conf"
)

// cluster makes the data directory unless it is there, and returns the role's password.
func (s *Server) cluster(ctx context.Context) (string, error) {
	if s.home.initialized() {
		return s.existing()
	}
	password := rand.Text()
	if err := s.write(passwordName, password+"\n"); err != nil {
		return "", err
	}
	// C.UTF-8 knows the case of letters beyond ASCII, and sorts alike everywhere; not every system has it.
	locale := "C.UTF-8"
	if runtime.GOOS == "windows" {
		locale = "C"
	}
	err := s.initdb(ctx, locale)
	if err != nil && strings.Contains(err.Error(), "invalid locale") {
		err = s.initdb(ctx, "C")
	}
	if err != nil {
		return "", err
	}
	conf, err := s.home.root.OpenFile(filepath.Join(newClusterName, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return "", fmt.Errorf("configure the server: %w", err)
	}
	_, err = fmt.Fprintf(conf, "\ninclude_if_exists = '%s'  # written anew at each start\n", confFile)
	if err := errors.Join(err, conf.Close()); err != nil {
		return "", fmt.Errorf("configure the server: %w", err)
	}
	// Only a cluster that is complete gets its name, so that an interrupted start leaves none that is not.
	if err := s.home.root.Rename(newClusterName, clusterName); err != nil {
		return "", fmt.Errorf("make the cluster: %w", err)
	}
	return password, nil
}

// existing checks that these binaries can read the cluster that an earlier run left.
func (s *Server) existing() (string, error) {
	version, err := s.home.root.ReadFile(filepath.Join(clusterName, "PG_VERSION"))
	if err != nil {
		return "", fmt.Errorf("read the cluster's version: %w", err)
	}
	if made := strings.TrimSpace(string(version)); made != s.install.major() {
		return "", fmt.Errorf("the data directory %s was made by PostgreSQL %s, and the binaries in %s are version %s: "+
			"use binaries of version %s, or name another directory", s.home.dir, made, s.install.bin, s.install.version, made)
	}
	password, err := s.home.root.ReadFile(passwordName)
	if err != nil {
		return "", fmt.Errorf("read the password of the data directory: %w", err)
	}
	return strings.TrimSpace(string(password)), nil
}

func (s *Server) initdb(ctx context.Context, locale string) error {
	args := []string{
		"-D", s.home.newCluster(), "--encoding=UTF8", "--locale=" + locale,
		"--username=" + role, "--pwfile=" + s.home.passwordFile(), "--auth=scram-sha-256",
	}
	if s.home.temporary {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, program(s.install.bin, "initdb"), args...)
	cmd.Dir = s.home.dir
	prepare(cmd, s.account)
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	name := cmd.String()
	err := s.watchdog.startGroup(cmd)
	if err == nil {
		err = cmd.Wait()
		waitForGroup(cmd.Process.Pid)
		s.watchdog.forget()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("initdb: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%s: %w%s", name, err, indent(out.String()))
	}
	return nil
}

// write makes a file that only the server's user can read. One that is there is replaced and not written to: it may be a link.
func (s *Server) write(name, text string) error {
	if err := s.home.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := s.home.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, s.account.own(file), file.Close())
}
