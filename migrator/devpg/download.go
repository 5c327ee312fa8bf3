package devpg

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const mavenCentral = "https://repo1.maven.org/maven2"

// binaries chooses the binaries: those that are asked for, those of the machine, those of a download.
func binaries(ctx context.Context, o Options, account *account) (install, error) {
	switch o.Binaries {
	case "":
		found, missing := find(ctx, account)
		if missing == nil || ctx.Err() != nil {
			return found, missing
		}
		found, err := download(ctx, o, account)
		if err != nil {
			return install{}, fmt.Errorf("%w\n%w\ninstall PostgreSQL (apt install postgresql, brew install postgresql), or allow the download", missing, err)
		}
		return found, nil
	case Downloaded:
		return download(ctx, o, account)
	default:
		bin, err := filepath.Abs(o.Binaries)
		if err != nil {
			return install{}, err
		}
		return inspect(ctx, bin, account)
	}
}

// download returns the binaries in the cache, and puts them there when they are missing.
func download(ctx context.Context, o Options, account *account) (install, error) {
	version := cmp.Or(o.Version, string(embeddedpostgres.V17))
	cache, err := cacheDir(o)
	if err != nil {
		return install{}, err
	}
	dir := filepath.Join(cache, fmt.Sprintf("%s-%s-%s", runtime.GOOS, runtime.GOARCH, version))
	bin := filepath.Join(dir, "bin")
	if _, err := os.Stat(dir); err == nil {
		return inspect(ctx, bin, account)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return install{}, fmt.Errorf("make the cache for downloads: %w", err)
	}
	unlock, err := lockCache(ctx, cache)
	if err != nil {
		return install{}, err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil { // while we waited
		return inspect(ctx, bin, account)
	}
	removePartial(cache)
	temp, err := os.MkdirTemp(cache, partial)
	if err != nil {
		return install{}, fmt.Errorf("make room for a download: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	if err := fetch(ctx, o, version, temp); err != nil {
		return install{}, fmt.Errorf("download PostgreSQL %s: %w", version, err)
	}
	if err := os.Rename(filepath.Join(temp, "extracted"), dir); err != nil {
		return install{}, fmt.Errorf("put the download into the cache: %w", err)
	}
	return inspect(ctx, bin, account)
}

// partial marks directories of downloads that are not complete.
const partial = "partial-"

// removePartial removes what downloads that were killed have left.
func removePartial(cache string) {
	left, _ := filepath.Glob(filepath.Join(cache, partial+"*"))
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
}

// fetch has the library download the archive of this platform and extract it into dir/extracted. The library has no
// door to just that: it goes on to start a server. As that finds a cluster's version but no cluster, it ends there.
func fetch(ctx context.Context, o Options, version, dir string) error {
	relay, err := startRelay(ctx, cmp.Or(o.Repository, mavenCentral), o.Log)
	if err != nil {
		return err
	}
	defer func() { _ = relay.Close() }()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(version), 0o600); err != nil {
		return err
	}
	log := &libraryLog{}
	extracted := filepath.Join(dir, "extracted")
	err = embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Port(0).
		Version(embeddedpostgres.PostgresVersion(version)).
		BinaryRepositoryURL(relay.URL()).
		CachePath(dir).
		BinariesPath(extracted).
		RuntimePath(filepath.Join(dir, "run")).
		DataPath(data).
		Logger(log)).Start()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case relay.Err() != nil:
		return relay.Err()
	}
	if _, missing := os.Stat(program(filepath.Join(extracted, "bin"), "postgres")); missing != nil {
		return errors.Join(errors.New("the archive has no bin/postgres"), err)
	}
	return nil
}

// libraryLog takes the library's log and removes the file that it would leave in the temporary directory.
type libraryLog struct{ bytes.Buffer }

func (l *libraryLog) ReadFrom(r io.Reader) (int64, error) {
	if file, ok := r.(interface{ Name() string }); ok {
		_ = os.Remove(file.Name())
	}
	return l.Buffer.ReadFrom(r)
}

func cacheDir(o Options) (string, error) {
	if o.Cache != "" {
		return filepath.Abs(o.Cache)
	}
	// The server's user cannot enter the home of root.
	if os.Geteuid() == 0 {
		return "/var/cache/migrator-devpg", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache for downloads: %w", err)
	}
	return filepath.Join(dir, "migrator-devpg"), nil
}

// lockCache lets one process download at a time.
func lockCache(ctx context.Context, cache string) (unlock func(), err error) {
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the cache for downloads: %w", err)
	}
	for {
		locked, err := tryLock(lock)
		if locked {
			return func() { _ = lock.Close() }, nil
		}
		if err == nil {
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		return nil, errors.Join(fmt.Errorf("lock the cache for downloads: %w", err), lock.Close())
	}
}
