package devpg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

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
	version := cmp.Or(o.Version, defaultVersion)
	cache, err := cacheDir(o)
	if err != nil {
		return install{}, err
	}
	dir := filepath.Join(cache, fmt.Sprintf("%s-%s-%s", runtime.GOOS, runtime.GOARCH, version))
	bin := filepath.Join(dir, "bin")
	if _, err := os.Stat(dir); err == nil { // only what was complete has this name
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
	if err := unpack(ctx, o, version, temp); err != nil {
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

// unpack downloads the archive of this platform and extracts it into dir/extracted.
func unpack(ctx context.Context, o Options, version, dir string) error {
	archive, err := archiveOf(o, version)
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "archive.tgz"))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := fetch(ctx, archive, file, o.Log); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	extracted := filepath.Join(dir, "extracted")
	if err := os.Mkdir(extracted, 0o755); err != nil {
		return err
	}
	if err := extract(file, extracted); err != nil {
		return err
	}
	if _, err := os.Stat(program(filepath.Join(extracted, "bin"), "postgres")); err != nil {
		return errors.New("the archive has no bin/postgres")
	}
	return nil
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
