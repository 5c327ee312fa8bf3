package migratortest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

const (
	pingLimit  = 2 * time.Second
	pullLimit  = 5 * time.Minute
	startLimit = time.Minute
	port       = "5432/tcp"
)

// fromDocker runs a container that removes itself when it ends, and that ends by itself when the tests were killed.
func fromDocker(ctx context.Context, env func(string) string) (*server, error) {
	pool, err := dockerPool(ctx, env)
	if err != nil {
		return nil, err
	}
	image := cmp.Or(env("TEST_POSTGRES_IMAGE"), "postgres:15")
	repository, tag := docker.ParseRepositoryTag(image)
	tag = cmp.Or(tag, "latest")
	if err := pull(ctx, pool, repository, tag); err != nil {
		return nil, fmt.Errorf("image %s: %w", image, err)
	}
	password := rand.Text()
	container, err := pool.RunWithOptions(&dockertest.RunOptions{
		Repository: repository,
		Tag:        tag,
		Env:        []string{"POSTGRES_PASSWORD=" + password},
		Cmd: []string{
			"postgres", "-c", "max_connections=" + connections,
			"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		},
		ExposedPorts: []string{port},
		PortBindings: map[docker.Port][]docker.PortBinding{port: {{HostIP: bindTo(pool), HostPort: "0"}}},
	}, func(host *docker.HostConfig) { host.AutoRemove = true })
	if err != nil {
		return nil, fmt.Errorf("run image %s: %w", image, err)
	}
	_ = container.Expire(uint(lifetime().Seconds()))

	address := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", password),
		Host:     net.JoinHostPort(hostOf(pool), container.GetPort(port)),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}
	s := newServer("docker", address.String())
	s.stop = container.Close
	version, err := s.await(ctx)
	if err == nil {
		err = s.quicken(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("image %s: no answer on %s: %w", image, address.Host, err), container.Close())
	}
	leash(pool, container)
	s.about = fmt.Sprintf("%s at %s, from docker image %s", version, address.Host, image)
	return s, nil
}

// dockerPool finds out within a moment whether Docker answers.
func dockerPool(ctx context.Context, env func(string) string) (*dockertest.Pool, error) {
	endpoint := dockerEndpoint(env)
	pool, err := dockertest.NewPool(endpoint)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	if err := pool.Client.PingWithContext(ctx); err != nil {
		return nil, fmt.Errorf("no answer from %s: %w", pool.Client.Endpoint(), err)
	}
	return pool, nil
}

// dockerEndpoint is the one that the environment names, else the first socket that there is, else dockertest's default.
func dockerEndpoint(env func(string) string) string {
	if named := cmp.Or(env("DOCKER_HOST"), env("DOCKER_URL")); named != "" {
		return named
	}
	if env("DOCKER_MACHINE_NAME") != "" || runtime.GOOS == "windows" {
		return ""
	}
	for _, socket := range []string{
		"/var/run/docker.sock",
		filepath.Join(env("XDG_RUNTIME_DIR"), "docker.sock"),
		filepath.Join(env("HOME"), ".docker/run/docker.sock"),
		filepath.Join(env("HOME"), ".colima/default/docker.sock"),
	} {
		if _, err := os.Stat(socket); err == nil && filepath.IsAbs(socket) {
			return "unix://" + socket
		}
	}
	return ""
}

func pull(ctx context.Context, pool *dockertest.Pool, repository, tag string) error {
	_, err := pool.Client.InspectImage(repository + ":" + tag)
	if !errors.Is(err, docker.ErrNoSuchImage) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	fmt.Fprintf(os.Stderr, "migratortest: pulling %s:%s\n", repository, tag)
	return pool.Client.PullImage(docker.PullImageOptions{Repository: repository, Tag: tag, Context: ctx}, docker.AuthConfiguration{})
}

// await waits until the server in a container is the one that stays: the image starts another one first, which does
// not listen on TCP.
func (s *server) await(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		if version, err = s.check(ctx); err == nil {
			return version, nil
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// lifetime is a little longer than the tests may take.
func lifetime() time.Duration {
	const unlimited = 12 * time.Hour
	limit := unlimited
	if f := flag.Lookup("test.timeout"); f != nil {
		if d, ok := f.Value.(flag.Getter).Get().(time.Duration); ok && d > 0 {
			limit = min(limit, d)
		}
	}
	return limit + time.Minute
}

// hostOf is where the ports of containers are: on this machine, unless Docker itself is elsewhere.
func hostOf(pool *dockertest.Pool) string {
	u, err := url.Parse(pool.Client.Endpoint())
	if err != nil || u.Hostname() == "" || strings.HasPrefix(u.Scheme, "unix") || strings.HasPrefix(u.Scheme, "npipe") {
		return "127.0.0.1"
	}
	return u.Hostname()
}

// bindTo keeps the port of a local container to this machine.
func bindTo(pool *dockertest.Pool) string {
	if hostOf(pool) == "127.0.0.1" {
		return "127.0.0.1"
	}
	return ""
}
