//go:build !windows

package devpg

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The archive of these tests has the layout of the real ones; its programs are links to those of this machine.

func TestADownloadIsKeptAndRunsTheServer(t *testing.T) {
	repo, cache, temp := newRepository(t), publicDir(t), publicDir(t)
	t.Setenv("TMPDIR", temp)
	var said strings.Builder
	options := Options{
		Binaries: Downloaded, Version: "15.1.0", Cache: cache, Repository: repo.URL + "/maven2/",
		Log: func(format string, args ...any) { fmt.Fprintf(&said, format+"\n", args...) },
	}
	for range 2 {
		s := started(t, options)
		require.Equal(t, "1", query(t, s, "select 1"))
		require.True(t, strings.HasPrefix(s.Bin(), cache), s.Bin())
		require.NoError(t, s.Stop())
	}
	require.EqualValues(t, 1, repo.archives.Load(), "the second start uses the cache")
	require.Contains(t, repo.path.Load(), "/maven2/io/zonky/test/postgres/embedded-postgres-binaries-")
	require.Contains(t, repo.path.Load(), "/15.1.0/")
	require.Contains(t, said.String(), "downloading "+repo.URL)
	require.Len(t, names(t, cache), 2, "the binaries and the lock: %v", names(t, cache))
	requireEmpty(t, temp)
}

func TestAMachineWithoutBinariesDownloads(t *testing.T) {
	repo := newRepository(t)
	t.Setenv("PATH", "")
	t.Cleanup(func(places []string) func() { return func() { packaged = places } }(packaged))
	packaged = []string{"/no/such/postgresql-*/bin"}

	_, err := Find()
	require.ErrorContains(t, err, "no PostgreSQL on this machine: looked for initdb, pg_ctl, postgres beside each other in the PATH, "+
		"the directory that pg_config names, /no/such/postgresql-*/bin")

	options := Options{Cache: filepath.Join(publicDir(t), "cache"), Repository: repo.URL}
	s := started(t, options)
	require.Equal(t, "1", query(t, s, "select 1"))
	require.EqualValues(t, 1, repo.archives.Load())

	options = Options{Cache: filepath.Join(publicDir(t), "cache"), Repository: "http://127.0.0.1:1"}
	_, err = Start(t.Context(), options)
	require.ErrorContains(t, err, "no PostgreSQL on this machine")
	require.ErrorContains(t, err, "connection refused")
	require.ErrorContains(t, err, "install PostgreSQL")
}

func TestDownloadsThatGoWrongAreToldAndLeaveNothing(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*repository)
		says   string
	}{
		"no such version":     {func(r *repository) { r.status = http.StatusNotFound }, ".jar: not found"},
		"a broken repository": {func(r *repository) { r.status = http.StatusBadGateway }, ".jar: 502 Bad Gateway"},
		"a wrong checksum":    {func(r *repository) { r.sum = strings.Repeat("0", 64) }, "and should have 0000"},
		"no archive":          {func(r *repository) { r.replace([]byte("<html>")) }, "not a valid zip file"},
		"an empty archive":    {func(r *repository) { r.replace([]byte("PK\x05\x06" + strings.Repeat("\x00", 18))) }, "has no .txz in it"},
		"other contents":      {func(r *repository) { r.replace(archive(t, nil)) }, "the archive has no bin/postgres"},
		"a short body":        {func(r *repository) { r.short = true }, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			repo, cache, temp := newRepository(t), publicDir(t), publicDir(t)
			t.Setenv("TMPDIR", temp)
			test.change(repo)
			_, err := Start(t.Context(), Options{Binaries: Downloaded, Cache: cache, Repository: repo.URL})
			require.ErrorContains(t, err, "download PostgreSQL 17.5.0")
			require.ErrorContains(t, err, test.says)
			require.Equal(t, []string{"lock"}, names(t, cache))
			requireEmpty(t, temp)
		})
	}
}

func TestAnArchiveWithoutAChecksumIsTaken(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	repo.sum = ""
	s := started(t, Options{Binaries: Downloaded, Cache: publicDir(t), Repository: repo.URL})
	require.Equal(t, "1", query(t, s, "select 1"))
}

func TestCancellingADownloadLeavesNothing(t *testing.T) {
	repo, cache, temp := newRepository(t), publicDir(t), publicDir(t)
	t.Setenv("TMPDIR", temp)
	repo.hang = make(chan struct{})
	defer close(repo.hang)
	ctx, cancel := context.WithCancel(t.Context())
	repo.started = cancel
	_, err := Start(ctx, Options{Binaries: Downloaded, Cache: cache, Repository: repo.URL})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"lock"}, names(t, cache))
	requireEmpty(t, temp)
}

func TestSeveralStartsShareOneDownload(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	options := Options{Binaries: Downloaded, Cache: filepath.Join(publicDir(t), "cache"), Repository: repo.URL}
	var group sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		group.Go(func() {
			s, err := Start(t.Context(), options)
			if err == nil {
				err = s.Stop()
			}
			errs[i] = err
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, repo.archives.Load())
}

func TestAKilledDownloadIsRemovedByTheNext(t *testing.T) {
	t.Parallel()
	repo := newRepository(t)
	cache := publicDir(t)
	left := filepath.Join(cache, "partial-1", "extracted", "bin")
	require.NoError(t, os.MkdirAll(left, 0o755))
	started(t, Options{Binaries: Downloaded, Cache: cache, Repository: repo.URL})
	require.NoDirExists(t, left)
}

// repository serves one archive under whatever name.
type repository struct {
	*httptest.Server
	archive  []byte
	sum      string
	status   int
	short    bool          // end in the middle
	hang     chan struct{} // stop in the middle until it is closed
	started  func()        // called in the middle
	archives atomic.Int64
	path     atomic.Value
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	bin, err := Find()
	require.NoError(t, err)
	r := &repository{status: http.StatusOK}
	r.replace(archive(t, map[string]string{
		"bin/initdb":   filepath.Join(bin, "initdb"),
		"bin/pg_ctl":   filepath.Join(bin, "pg_ctl"),
		"bin/postgres": filepath.Join(bin, "postgres"),
	}))
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *repository) replace(archive []byte) {
	sum := sha256.Sum256(archive)
	r.archive, r.sum = archive, hex.EncodeToString(sum[:])
}

func (r *repository) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch {
	case r.status != http.StatusOK:
		w.WriteHeader(r.status)
	case strings.HasSuffix(request.URL.Path, ".jar.sha256") && r.sum != "":
		_, _ = io.WriteString(w, r.sum)
	case strings.HasSuffix(request.URL.Path, ".jar"):
		r.archives.Add(1)
		r.path.Store(request.URL.Path)
		w.Header().Set("Content-Length", fmt.Sprint(len(r.archive)))
		half := len(r.archive) / 2
		_, _ = w.Write(r.archive[:half])
		if r.short {
			return
		}
		if r.hang != nil {
			w.(http.Flusher).Flush()
			r.started()
			<-r.hang
		}
		_, _ = w.Write(r.archive[half:])
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// archive builds a zip with a .txz that has a text file and links.
func archive(t *testing.T, links map[string]string) []byte {
	t.Helper()
	var files bytes.Buffer
	tw := tar.NewWriter(&files)
	text := strings.Repeat("more than one chunk\n", 10_000)
	require.NoError(t, tw.WriteHeader(&tar.Header{Name: "share/README", Size: int64(len(text)), Mode: 0o644}))
	_, err := io.WriteString(tw, text)
	require.NoError(t, err)
	for name, target := range links {
		require.NoError(t, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}))
	}
	require.NoError(t, tw.Close())

	var jar bytes.Buffer
	zw := zip.NewWriter(&jar)
	for name, content := range map[string][]byte{
		"META-INF/MANIFEST.MF":      []byte("Manifest-Version: 1.0\n"),
		"postgres-linux-x86_64.txz": xzStored(files.Bytes()),
	} {
		file, err := zw.Create(name)
		require.NoError(t, err)
		_, err = file.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, zw.Close())
	return jar.Bytes()
}
