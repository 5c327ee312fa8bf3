package devpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// throwaway gives up what a crash of the machine would need, for speed.
var throwaway = map[string]string{
	"fsync":              "off",
	"synchronous_commit": "off",
	"full_page_writes":   "off",
}

// launch starts the server on a free port and waits until it is ready. Between choosing a port and binding it somebody
// else may take it; then another one is tried.
func (s *Server) launch(ctx context.Context) error {
	const tries = 10
	var err error
	for range tries {
		if s.port, err = s.freePort(); err != nil {
			return fmt.Errorf("choose a port: %w", err)
		}
		if err = s.configure(); err != nil {
			return fmt.Errorf("configure the server: %w", err)
		}
		if err = s.run(ctx); err == nil || ctx.Err() != nil || !strings.Contains(s.logEnd(), "could not bind") {
			return err
		}
	}
	return err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// configure writes the settings into a file of their own, which ends postgresql.conf. On a command line they would have
// to be quoted, differently on each system.
func (s *Server) configure() error {
	settings := map[string]string{}
	if s.home.temporary {
		maps.Copy(settings, throwaway)
	}
	maps.Copy(settings, s.settings)
	maps.Copy(settings, map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(s.port),
		"unix_socket_directories": "",
		"logging_collector":       "off",
	})
	quote := strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`)
	var conf strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, quote.Replace(settings[name]))
	}
	return s.write(filepath.Join(clusterName, confFile), conf.String())
}

// run starts the server once. When it returns an error, no server runs.
func (s *Server) run(ctx context.Context) error {
	if err := s.write(logName, ""); err != nil {
		return fmt.Errorf("make the server's log: %w", err)
	}
	process, err := startProcess(ctx, s)
	if err == nil {
		s.process = process
		err = s.ready(ctx)
	}
	if err == nil {
		return nil
	}
	if process != nil {
		err = errors.Join(err, process.stop(s))
		s.process = nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("start PostgreSQL: %w", ctx.Err())
	}
	return fmt.Errorf("start PostgreSQL %s: %w; the end of its log:%s", s.install.version, err, indent(s.logEnd()))
}

// ready waits for the word in postmaster.pid, beside the server's own process id: a connection would not tell whether
// it is this server that answers.
func (s *Server) ready(ctx context.Context) error {
	for {
		text, _ := s.home.root.ReadFile(filepath.Join(clusterName, "postmaster.pid"))
		lines := strings.Split(string(text), "\n")
		if len(lines) > 7 && lines[0] == strconv.Itoa(s.process.pid) && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.process.exited:
			return errors.New("the server ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// login makes sure that ConnString works: in a kept database the password may have been changed.
func (s *Server) login(ctx context.Context) error {
	conn, err := pgconn.Connect(ctx, s.ConnString())
	if err != nil {
		return fmt.Errorf("log in with the password in %s: %w", s.home.passwordFile(), err)
	}
	return conn.Close(ctx)
}

// logEnd returns the last lines of the server's log.
func (s *Server) logEnd() string {
	const most = 4096
	text, _ := s.home.root.ReadFile(logName)
	if len(text) > most {
		_, text, _ = bytes.Cut(text[len(text)-most:], []byte("\n"))
	}
	return strings.TrimSpace(string(text))
}
