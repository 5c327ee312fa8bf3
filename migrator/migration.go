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

// A Version identifies a migration. It is the name of the migration's file, such as "001_init.sql", and the history records it.
type Version string

// Compare orders versions by number and then by name. Numbers may have any length. Repeatable migrations come last. Versions that
// are neither numbered nor repeatable come first: only a history row written by hand has one.
func (v Version) Compare(w Version) int {
	a, b := v.number(), w.number()
	return cmp.Or(cmp.Compare(v.class(), w.class()), cmp.Compare(len(a), len(b)), strings.Compare(a, b), strings.Compare(string(v), string(w)))
}

// String returns the name for display. Characters that a terminal would obey are escaped, as in \x1b. string(v) is the name
// itself.
func (v Version) String() string { return printable.Line(string(v)) }

// Repeatable reports whether the version is a repeatable migration, R_name.sql. It runs after all others, and again whenever its
// file has changed.
func (v Version) Repeatable() bool { return strings.HasPrefix(string(v), repeatablePrefix) }

// class returns the first key of the order.
func (v Version) class() int {
	switch {
	case v.Repeatable():
		return 2
	case digits(string(v)) > 0:
		return 1
	}
	return 0
}

// number returns the leading digits without leading zeros. They stay text, because 20-digit numbers exist.
func (v Version) number() string {
	return strings.TrimLeft(string(v[:digits(string(v))]), "0")
}

// digits returns the number of leading ASCII digits of s.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// A Direction says which of a migration's two files runs.
type Direction string

// The two directions of a Move.
const (
	DirectionUp   Direction = "up"
	DirectionDown Direction = "down"
)

// A Mode says how a file is sent to PostgreSQL. The header of the file chooses it.
type Mode string

// The modes. A file without a directive in its header is Transactional.
const (
	// Transactional files run as a whole, in one transaction with their history row.
	Transactional Mode = "transactional"
	// NoTransaction files (`-- migrator: no-transaction`) run statement by statement. They are for statements that PostgreSQL
	// refuses inside a transaction.
	NoTransaction Mode = "no-transaction"
)

// batchMode files repeat their statement until it affects no row. They are refused for now.
const batchMode Mode = "batch"

// A Migration is one version of the schema: a file to apply and, optionally, a file to revert it.
type Migration struct {
	Version Version
	Up      Script
	Down    *Script // nil: the migration cannot be reverted
}

// Checksum returns the checksum of the up file, which the history records.
func (m Migration) Checksum() string { return m.Up.Checksum }

// script returns the file that runs in direction d, or nil if there is none.
func (m *Migration) script(d Direction) *Script {
	if d == DirectionDown {
		return m.Down
	}
	return &m.Up
}

// A Script is the text of one file, with the settings of its header.
type Script struct {
	Path        string        // the file's name in its folder
	SQL         string        // the text that runs: without a byte order mark, with LF line ends
	Checksum    string        // SHA-256 of SQL, lower-case hex
	Mode        Mode          // how the file is sent
	Isolation   string        // isolation level of the transaction; "" is read committed
	LockTimeout time.Duration // how long the statements may wait for locks; 0 is Config.LockTimeout
}

// lockTimeout returns the lock timeout of the script, or fallback if it has none. 0 is no limit.
func (s *Script) lockTimeout(fallback time.Duration) time.Duration {
	if s.LockTimeout > 0 {
		return s.LockTimeout
	}
	return max(fallback, 0)
}

// normalize returns the text that is hashed and run. A Windows checkout, with its byte order mark and CRLF, gives the same text.
func normalize(text string) string {
	for strings.HasPrefix(text, "\ufeff") {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	if !strings.Contains(text, "\r\n") {
		return text
	}
	return lineEnds.ReplaceAllLiteralString(text, "\n")
}

// lineEnds matches the line ends of Windows, and \r\r\n, which a second conversion makes.
var lineEnds = regexp.MustCompile(`\r+\n`)

func checksum[T string | []byte](normalized T) string {
	sum := sha256.Sum256([]byte(normalized))
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}
