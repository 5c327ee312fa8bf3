package migrator

import (
	"fmt"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// directivePrefix opens a directive: a line comment in the header, which is all that stands above the first statement.
const directivePrefix = "migrator:"

// MaxLockTimeout is the longest lock timeout: more does not fit into PostgreSQL's 32 bits of milliseconds.
const MaxLockTimeout = 596 * time.Hour

// isolationLevels maps what a header may ask for to what PostgreSQL calls it.
var isolationLevels = map[string]string{
	"read-committed":  "read committed",
	"repeatable-read": "repeatable read",
	"serializable":    "serializable",
}

// readHeader fills in what the directives of the script's header ask for.
func (s *Script) readHeader() error {
	s.Mode = Transactional
	seen := map[string]bool{}
	lexer := sqllex.New(s.SQL) // what is wrong with the text is found when the file is pending
	for token, ok := lexer.Next(); ok && !token.Significant(); token, ok = lexer.Next() {
		items, ok := directive(token.Text(s.SQL))
		if !ok {
			continue
		}
		for _, item := range items {
			key, _, _ := strings.Cut(item, "=")
			problem := s.apply(item)
			if problem == "" && seen[key] {
				problem = key + " is said twice"
			}
			seen[key] = true
			if problem != "" {
				return s.errorAt(token.Start, problem, "")
			}
		}
	}
	return nil
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

// apply sets what one item asks for, or says what is wrong with it.
func (s *Script) apply(item string) (problem string) {
	key, value, hasValue := strings.Cut(item, "=")
	switch {
	case key == "no-transaction" && !hasValue:
		s.Mode = NoTransaction
	case key == "batch" && !hasValue:
		s.Mode = Batch
	case key == "isolation" && isolationLevels[value] != "":
		s.Isolation = isolationLevels[value]
	case key == "isolation":
		return fmt.Sprintf("isolation=%s: want read-committed, repeatable-read or serializable", value)
	case key == "lock-timeout":
		timeout, err := time.ParseDuration(value)
		if err != nil || timeout < time.Millisecond || timeout > MaxLockTimeout {
			return fmt.Sprintf("lock-timeout=%s: want a duration from 1ms to 596h, such as 3s", value)
		}
		s.LockTimeout = timeout
	default:
		return fmt.Sprintf("unknown directive %q: want no-transaction, batch, isolation=LEVEL or lock-timeout=DURATION", item)
	}
	return ""
}
