package sqlfile

import (
	"fmt"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// directivePrefix begins a directive: a line comment above the first statement.
const directivePrefix = "migrator:"

// MaxLockTimeout is the longest lock timeout that fits into PostgreSQL's 32 bits of milliseconds.
const MaxLockTimeout = 596 * time.Hour

// isolationLevels maps the names in a header to PostgreSQL's names.
var isolationLevels = map[string]string{
	"read-committed":  "read committed",
	"repeatable-read": "repeatable read",
	"serializable":    "serializable",
}

// A Header is what the directives of a file ask for.
type Header struct {
	NoTransaction bool
	Batch         bool
	Isolation     string        // in PostgreSQL's words; "": the default
	LockTimeout   time.Duration // 0: the default
}

// ReadHeader reads the directives of a file.
func ReadHeader(sql string) (h Header, p *Problem) {
	seen := map[string]bool{}
	lexer := sqllex.New(sql) // Parse reports errors in the text, of pending files only
	for token, ok := lexer.Next(); ok && !token.Significant(); token, ok = lexer.Next() {
		items, ok := directive(token.Text(sql))
		if !ok {
			continue
		}
		for _, item := range items {
			key, _, _ := strings.Cut(item, "=")
			problem := h.apply(item)
			if problem == "" && seen[key] {
				problem = key + " is said twice"
			}
			seen[key] = true
			if problem != "" {
				return h, &Problem{Offset: token.Start, Message: problem}
			}
		}
	}
	return h, nil
}

// directive returns the items of a comment such as `-- migrator: no-transaction, lock-timeout=5s`.
func directive(comment string) (items []string, ok bool) {
	text, ok := strings.CutPrefix(comment, "--")
	if !ok {
		return nil, false
	}
	text = strings.TrimLeft(text, " \t")
	if len(text) < len(directivePrefix) || !strings.EqualFold(text[:len(directivePrefix)], directivePrefix) {
		return nil, false
	}
	text = text[len(directivePrefix):]
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) }), true
}

// apply sets one item, or says what is wrong with it.
func (h *Header) apply(item string) (problem string) {
	key, value, hasValue := strings.Cut(item, "=")
	switch {
	case key == "no-transaction" && !hasValue:
		h.NoTransaction, h.Batch = true, false
	case key == "batch" && !hasValue:
		h.NoTransaction, h.Batch = false, true
	case key == "isolation" && isolationLevels[value] != "":
		h.Isolation = isolationLevels[value]
	case key == "isolation":
		return fmt.Sprintf("isolation=%s: want read-committed, repeatable-read or serializable", value)
	case key == "lock-timeout":
		timeout, err := time.ParseDuration(value)
		if err != nil || timeout < time.Millisecond || timeout > MaxLockTimeout {
			return fmt.Sprintf("lock-timeout=%s: want a duration from 1ms to 596h, such as 3s", value)
		}
		h.LockTimeout = timeout
	default:
		return fmt.Sprintf("unknown directive %q: want no-transaction, batch, isolation=LEVEL or lock-timeout=DURATION", item)
	}
	return ""
}
