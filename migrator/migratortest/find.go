package migratortest

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// source is a way to a server. Its name is what MIGRATORTEST_SOURCE may be.
type source struct {
	name string
	get  func(ctx context.Context, env func(string) string) (*server, error)
}

var sources = []source{
	{"url", fromURL},
	{"docker", fromDocker},
	{"binaries", fromBinaries},
	{"download", fromDownload},
}

const advice = `one of these gives a PostgreSQL:
  set TEST_DATABASE_URL to the URL of a role that may create databases
  start Docker, and let it have the image postgres:15 or the one that TEST_POSTGRES_IMAGE names
  install PostgreSQL (apt install postgresql, brew install postgresql)
  let the tests download it`

// find tries the sources in their order. A server that somebody named is the one to use: when it does not work, no
// other takes its place.
func find(ctx context.Context, sources []source, env func(string) string) (*server, error) {
	only := env("MIGRATORTEST_SOURCE")
	if only == "" && env("TEST_DATABASE_URL") != "" {
		only = "url"
	}
	var names, tried, remarks []string
	for _, source := range sources {
		names = append(names, source.name)
		if only != "" && only != source.name {
			continue
		}
		s, err := source.get(ctx, env)
		if err == nil {
			s.remarks = remarks
			return s, nil
		}
		tried = append(tried, source.name+": "+strings.ReplaceAll(err.Error(), "\n", "\n    "))
		if !errors.Is(err, errNotSet) {
			remarks = append(remarks, tried[len(tried)-1])
		}
	}
	switch {
	case len(tried) == 0:
		return nil, fmt.Errorf("MIGRATORTEST_SOURCE is %q and may be %s", only, strings.Join(names, ", "))
	case only == "":
		only = "any source"
	}
	return nil, errors.New("no PostgreSQL for the tests from " + only + "\n  " + strings.Join(tried, "\n  ") + "\n" + advice)
}
