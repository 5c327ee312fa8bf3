package migrator

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// Version identifies a migration: the name of its file, such as "001_init.sql". It is what the history records.
type Version string

// Compare orders versions by their number, compared as digits of any length, and then by their whole name. Repeatable
// ones come last; versions that are neither, which only a history row written by hand has, come first.
func (v Version) Compare(w Version) int {
	a, b := v.number(), w.number()
	return cmp.Or(cmp.Compare(v.class(), w.class()), cmp.Compare(len(a), len(b)), strings.Compare(a, b), strings.Compare(string(v), string(w)))
}

// String is the name as it can be shown: what a terminal would obey is an escape such as \x1b. string(v) is the name itself.
func (v Version) String() string { return printable.Line(string(v)) }

// Repeatable reports whether the version is that of a repeatable migration, R_name.sql: it runs after all others, and
// again whenever its file has changed.
func (v Version) Repeatable() bool { return strings.HasPrefix(string(v), repeatablePrefix) }

// class is what versions are ordered by first.
func (v Version) class() int {
	switch {
	case v.Repeatable():
		return 2
	case digits(string(v)) > 0:
		return 1
	}
	return 0
}

// number returns the leading digits without leading zeros; 20-digit numbers exist, so it is never made an integer.
func (v Version) number() string {
	return strings.TrimLeft(string(v[:digits(string(v))]), "0")
}

// digits returns how many bytes of s are leading ASCII digits.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// Direction says which of a migration's two files runs.
type Direction string

// The two directions of a Move.
const (
	DirectionUp   Direction = "up"
	DirectionDown Direction = "down"
)

// Mode says how a file is sent to PostgreSQL. Its header chooses it.
type Mode string

// The modes. A file without a directive in its header is Transactional.
const (
	// Transactional files run whole in one transaction, together with their history row.
	Transactional Mode = "transactional"
	// NoTransaction files (`-- migrator: no-transaction`) run statement by statement, for what PostgreSQL refuses
	// inside a transaction.
	NoTransaction Mode = "no-transaction"
)

// batchMode is for files that repeat their statement until it affects no row. It is refused for now.
const batchMode Mode = "batch"

// Migration is one version of the schema: a file to apply and, where there is one, a file to revert it.
type Migration struct {
	Version Version
	Up      Script
	Down    *Script // nil: irreversible
}

// Checksum is that of the up file, as the history records it.
func (m Migration) Checksum() string { return m.Up.Checksum }

// script returns the file that runs in the given direction; nil when there is none.
func (m *Migration) script(d Direction) *Script {
	if d == DirectionDown {
		return m.Down
	}
	return &m.Up
}

// Script is the text of one file and what its header asks for.
type Script struct {
	Path        string        // the file's name in its folder
	SQL         string        // the text that runs: without a byte order mark, with LF line ends
	Checksum    string        // SHA-256 of SQL, lower-case hex
	Mode        Mode          // how it is sent
	Isolation   string        // isolation level of its transaction; "" is read committed
	LockTimeout time.Duration // how long its statements may wait for locks; 0 is Config.LockTimeout
}

// lockTimeout is the script's own, or else the run's; 0 is no limit.
func (s *Script) lockTimeout(fallback time.Duration) time.Duration {
	if s.LockTimeout > 0 {
		return s.LockTimeout
	}
	return max(fallback, 0)
}

// normalize returns what is hashed and run: a Windows checkout, with its byte order mark and CRLF, is the same file.
func normalize(text string) string {
	for strings.HasPrefix(text, "\ufeff") {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	if !strings.Contains(text, "\r\n") {
		return text
	}
	return lineEnds.ReplaceAllLiteralString(text, "\n")
}

// lineEnds are those of Windows; \r\r\n is what a second conversion makes.
var lineEnds = regexp.MustCompile(`\r+\n`)

func checksum[T string | []byte](normalized T) string {
	sum := sha256.Sum256([]byte(normalized))
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}
