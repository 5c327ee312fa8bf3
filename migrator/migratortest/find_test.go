package migratortest

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestTheFirstSourceThatWorksIsTaken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env   map[string]string
		works []string
		want  string
		error string
	}{
		"the first":                   {works: []string{"url", "docker", "binaries", "download"}, want: "url"},
		"docker before binaries":      {works: []string{"docker", "binaries"}, want: "docker"},
		"binaries before a download":  {works: []string{"binaries", "download"}, want: "binaries"},
		"a download":                  {works: []string{"download"}, want: "download"},
		"one that is asked for":       {env: map[string]string{"MIGRATORTEST_SOURCE": "binaries"}, works: []string{"url", "docker", "binaries"}, want: "binaries"},
		"no other than that":          {env: map[string]string{"MIGRATORTEST_SOURCE": "docker"}, works: []string{"binaries"}, error: "from docker\n  docker: broken\none of these"},
		"no other than the given URL": {env: map[string]string{"TEST_DATABASE_URL": "x"}, works: []string{"docker"}, error: "from url\n  url: broken\none of these"},
		"asked for beats given":       {env: map[string]string{"TEST_DATABASE_URL": "x", "MIGRATORTEST_SOURCE": "docker"}, works: []string{"url", "docker"}, want: "docker"},
		"a name that there is not":    {env: map[string]string{"MIGRATORTEST_SOURCE": "podman"}, error: `MIGRATORTEST_SOURCE is "podman" and may be url, docker, binaries, download`},
		"none":                        {error: "from any source\n  url: broken\n  docker: broken\n  binaries: broken\n  download: broken\none of these gives a PostgreSQL:\n  set TEST_DATABASE_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all []source
			for _, name := range []string{"url", "docker", "binaries", "download"} {
				all = append(all, source{name, func(context.Context, func(string) string) (*server, error) {
					for _, works := range test.works {
						if works == name {
							return &server{source: name}, nil
						}
					}
					return nil, errors.New("broken")
				}})
			}
			s, err := find(t.Context(), all, func(key string) string { return test.env[key] })
			if test.error != "" {
				require.ErrorContains(t, err, test.error)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, s.source)
		})
	}
}

func TestADatabaseURLIsMadeFromAnyKindOfServerURL(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://u:p%20w@h:1/x?sslmode=disable": "postgres://u:p%20w@h:1/new?sslmode=disable",
		"postgresql://h": "postgresql://h/new",
		"postgres://h/?dbname=x&host=%2Frun&user=u":   "postgres://h/new?host=%2Frun&user=u",
		"host=h user=u password='p w' dbname='other'": "host=h user=u password='p w' dbname='other' dbname=new",
	} {
		made := (&server{url: given}).database("new")
		require.Equal(t, want, made)
		config, err := pgx.ParseConfig(made)
		require.NoError(t, err)
		require.Equal(t, "new", config.Database)
	}
}

func TestAGivenServerIsChecked(t *testing.T) {
	t.Parallel()
	database := Database(t)
	s, err := given(t, database)
	require.NoError(t, err)
	require.Nil(t, s.stop, "a server that was given goes on")
	if password := dbtest.Connect(t, database).Config().Password; password != "" {
		require.NotContains(t, s.about, password)
	}
	for _, broken := range []string{"postgres://u:secretword@127.0.0.1:1/x", "postgres://u:secretword@[::1"} {
		_, err = given(t, broken)
		require.ErrorContains(t, err, "TEST_DATABASE_URL: ")
		require.NotContains(t, err.Error(), "secretword")
	}
	_, err = given(t, "")
	require.EqualError(t, err, "TEST_DATABASE_URL is not set")
}

func TestARoleThatMayNotCreateDatabasesIsNamed(t *testing.T) {
	t.Parallel()
	database := Database(t)
	conn := dbtest.Connect(t, database)
	role := "powerless_" + strings.ToLower(rand.Text()[:8])
	_, err := conn.Exec(t.Context(), "create role "+role+" login password 'secretword'")
	var denied *pgconn.PgError
	if errors.As(err, &denied) && denied.Code == "42501" {
		return // the role of a server that was given need not be able to do this
	}
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := conn.Exec(context.Background(), "drop role "+role)
		require.NoError(t, err)
	})
	powerless, err := url.Parse(database)
	require.NoError(t, err)
	powerless.User = url.UserPassword(role, "secretword")
	_, err = given(t, powerless.String())
	require.ErrorContains(t, err, "the role "+role+" may not create databases")
	require.ErrorContains(t, err, `alter role "`+role+`" createdb`)
	require.NotContains(t, err.Error(), "secretword")
}

func given(t *testing.T, database string) (*server, error) {
	t.Helper()
	return fromURL(t.Context(), func(string) string { return database })
}

func TestDockerThatDoesNotAnswerIsFoundOutSoon(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	for _, endpoint := range []string{"unix:///no/such/docker.sock", "tcp://127.0.0.1:1", "tcp://" + silent.Addr().String()} {
		begin := time.Now()
		_, err := fromDocker(t.Context(), func(key string) string {
			return map[string]string{"DOCKER_HOST": endpoint}[key]
		})
		require.ErrorContains(t, err, "no answer from")
		require.Less(t, time.Since(begin), 10*time.Second)
	}
}

// A program of tests is run as a process of its own, since each looks for a server only once.
func TestWithoutAServerATestFailsAndSaysHowToGetOne(t *testing.T) {
	t.Parallel()
	out, err := child(t, "TestADatabaseIsEmptyAndOnlyForItsTest", "MIGRATORTEST_SOURCE=url", "TEST_DATABASE_URL=")
	require.Error(t, err)
	require.Contains(t, out, "--- FAIL: TestADatabaseIsEmptyAndOnlyForItsTest")
	require.Contains(t, out, "url: TEST_DATABASE_URL is not set")
	require.Contains(t, out, "install PostgreSQL (apt install postgresql")
}

func TestTheServerIsToldOnceWithoutItsPassword(t *testing.T) {
	t.Parallel()
	database := Database(t)
	out, err := child(t, "TestADatabaseIsEmptyAndOnlyForItsTest", "MIGRATORTEST_SOURCE=url", "TEST_DATABASE_URL="+database)
	require.NoError(t, err, out)
	require.Regexp(t, `migratortest: PostgreSQL \d+.* from TEST_DATABASE_URL`, out)
	if password := dbtest.Connect(t, database).Config().Password; password != "" {
		require.NotContains(t, out, password)
	}
}
