package migratortest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
)

// open returns the server that the processes of one go test have in common, else one of our own.
func open(ctx context.Context, env func(string) string) (*server, error) {
	if shareable(env) {
		o, err := join(env)
		switch {
		case err != nil:
			fmt.Fprintln(os.Stderr, "migratortest: not shared with other packages:", err)
		case o != nil:
			return o.server()
		}
	}
	return find(ctx, sources, env)
}

// shareable is a server that would be started. One that was given is shared as it is.
func shareable(env func(string) string) bool {
	source := env("MIGRATORTEST_SOURCE")
	return source != "url" && (source != "" || env("TEST_DATABASE_URL") == "")
}

// outcome is what a keeper found, for the processes that share it.
type outcome struct {
	Keeper  int // its process id
	Source  string
	About   string
	URL     string
	Remarks []string
	Error   string // instead of a server

	started bool // by this process
}

func outcomeOf(s *server, err error) outcome {
	if err != nil {
		return outcome{Keeper: os.Getpid(), Error: err.Error()}
	}
	return outcome{Keeper: os.Getpid(), Source: s.source, About: s.about, URL: s.url, Remarks: s.remarks}
}

func (o *outcome) server() (*server, error) {
	if o.Error != "" {
		return nil, errors.New(o.Error)
	}
	s := newServer(o.Source, o.URL)
	s.about, s.remarks, s.joined = o.About, o.Remarks, !o.started
	return s, nil
}

// settings identifies what decides which server it is, so that two that want different ones do not share.
func settings(env func(string) string) string {
	const protocol = 1 // of the files through which processes meet
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", protocol)
	for _, name := range []string{
		"MIGRATORTEST_SOURCE", "TEST_POSTGRES_IMAGE", "PATH", "HOME",
		"DOCKER_HOST", "DOCKER_URL", "DOCKER_MACHINE_NAME", "DOCKER_CERT_PATH", "XDG_RUNTIME_DIR",
	} {
		fmt.Fprintf(h, "%s=%q\n", name, env(name))
	}
	return string(h.Sum(nil))
}
