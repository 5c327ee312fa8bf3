package devpg

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// relay stands between the library that downloads and the repository, on the loopback, and gives what the library
// lacks: a download that can be cancelled, that tells how far it is, and whose errors say what happened.
type relay struct {
	ctx        context.Context
	repository string
	say        func(format string, args ...any)
	listener   net.Listener
	server     *http.Server

	mu  sync.Mutex
	sum string // of the archive that was served
	err error
}

var errNotFound = errors.New("not found")

func startRelay(ctx context.Context, repository string, say func(string, ...any)) (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{ctx: ctx, repository: strings.TrimSuffix(repository, "/"), say: say, listener: listener}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *relay) URL() string  { return "http://" + r.listener.Addr().String() }
func (r *relay) Close() error { return r.server.Close() }

// Err is why there was nothing to relay.
func (r *relay) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.HasSuffix(request.URL.Path, ".sha256") {
		_, _ = io.WriteString(w, r.sum)
		return
	}
	archive, err := r.archive(r.repository + request.URL.Path)
	if err != nil {
		// The library leaves a log behind when it fails this early, so it gets an archive of nothing.
		r.err = err
		archive = emptyArchive()
	}
	sum := sha256.Sum256(archive)
	r.sum = hex.EncodeToString(sum[:])
	_, _ = w.Write(archive)
}

// archive downloads a file, looks into it, and compares it with the checksum beside it.
func (r *relay) archive(url string) ([]byte, error) {
	archive, err := r.get(url)
	if err != nil {
		return nil, err
	}
	contents, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	if !slices.ContainsFunc(contents.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, ".txz") }) {
		return nil, fmt.Errorf("%s has no .txz in it", url)
	}
	sidecar, err := r.get(url + ".sha256")
	switch {
	case errors.Is(err, errNotFound):
		r.say("%s has no checksum beside it", url)
		return archive, nil
	case err != nil:
		return nil, err
	}
	sum := sha256.Sum256(archive)
	want, _, _ := bytes.Cut(bytes.TrimSpace(sidecar), []byte(" "))
	if got := hex.EncodeToString(sum[:]); !strings.EqualFold(string(want), got) {
		return nil, fmt.Errorf("%s has the checksum %s, and should have %s", url, got, want)
	}
	return archive, nil
}

func (r *relay) get(url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(r.ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", url, errNotFound)
	default:
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	r.say("downloading %s", url)
	body, err := io.ReadAll(&progress{Reader: response.Body, of: response.ContentLength, say: r.say, next: time.Now().Add(interval)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return body, nil
}

// progress tells every few seconds how much was read.
type progress struct {
	io.Reader
	read, of int64
	say      func(format string, args ...any)
	next     time.Time
}

const interval = 5 * time.Second

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.read += int64(n)
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(interval)
		const mega = 1 << 20
		if p.of > 0 {
			p.say("downloaded %d of %d MB", p.read/mega, p.of/mega)
		} else {
			p.say("downloaded %d MB", p.read/mega)
		}
	}
	return n, err
}

// emptyArchive is laid out as the repository's archives are: a zip with a .txz, which has no files.
func emptyArchive() []byte {
	const emptyXZ = "\xfd7zXZ\x00\x00\x01\x69\x22\xde\x36\x00\x00\x00\x00\x1c\xdf\x44\x21\x90\x42\x99\x0d\x01\x00\x00\x00\x00\x01YZ"
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	if file, err := w.Create("nothing.txz"); err == nil {
		_, _ = io.WriteString(file, emptyXZ)
	}
	_ = w.Close()
	return archive.Bytes()
}
