package migratortest

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/agent-shaker/agent-shaker/migrator/devpg"
)

func fromBinaries(ctx context.Context, _ func(string) string) (*server, error) {
	bin, err := devpg.Find()
	if err != nil {
		return nil, err
	}
	return fromDevpg(ctx, "binaries", bin)
}

func fromDownload(ctx context.Context, _ func(string) string) (*server, error) {
	return fromDevpg(ctx, "download", devpg.Downloaded)
}

func fromDevpg(ctx context.Context, source, binaries string) (*server, error) {
	postgres, err := devpg.Start(ctx, devpg.Options{
		Binaries: binaries,
		Settings: map[string]string{"max_connections": connections},
		Log: func(format string, args ...any) {
			fmt.Fprintf(os.Stderr, "migratortest: "+format+"\n", args...)
		},
	})
	if err != nil {
		return nil, err
	}
	s := newServer(source, postgres.ConnString())
	s.stop = postgres.Stop
	s.about = fmt.Sprintf("%s of %s, from %s", postgres.Version(), postgres.Bin(), source)
	if err := s.quicken(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}
