package script

import (
	"fmt"
	"slices"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// A Move is what is to be done with one file.
type Move struct {
	Version     string
	Checksum    string
	Down        bool
	Repeatable  bool
	Isolation   string        // "": read committed
	LockTimeout time.Duration // 0: none
	File        *sqlfile.File
}

func (m *Move) direction() string {
	if m.Down {
		return "down"
	}
	return "up"
}

// A Step is a transaction, or a statement that cannot run in one: it is applied whole, and tried again whole.
type Step struct {
	Move  *Move  // nil for a step of the tool's own
	title string // for a person
	Ops   []Op

	// Of a file in one transaction, in place of title and operations: what stands around it is more text than most files.
	Framing *framing

	// Of no-transaction files only:
	Part      bool               // other steps follow for the same move
	Runs      *sqlfile.Statement // when it is done, this statement is
	Begins    *sqlfile.Statement // when it is done, this statement is about to run outside a transaction
	Number    int                // of that statement, from 1
	Of        int                // how many there are
	Alone     bool               // there is no transaction, and what is not the tool's own needs a message of its own
	Patient   bool               // it may wait for locks as long as it takes
	Unwatched bool               // a second connection would be in its way
}

// A Writer turns moves into steps. Running and printing differ in these fields only.
type Writer struct {
	Table         history.Table
	RunID         string
	Major         int             // the server's major version
	KeepsLock     bool            // the session keeps the run lock between its transactions; otherwise each of them takes it
	Pooled        bool            // the session is a pooler's, and others use it after us
	CheckInterval bool            // the server takes client_connection_check_interval
	Citus         bool            // the server is a coordinator, and what files do goes on to its workers
	Superuser     bool            // the session is a superuser's
	Exposed       []history.Table // those that a stranger may have put something on, which it would run as such
}

// CreateHistory makes the table. Two poolers' clients may do so at once: the loser's error is one that is read again.
func (s Writer) CreateHistory() *Step {
	return s.Transaction(fmt.Sprintf("make the history table %s", s.Table), append([]Op{{Kind: OpClaim, SQL: s.Table.DDL()}}, s.newOwner(s.Table)...)...)
}

// Transaction is a step of the tool's own.
func (s Writer) Transaction(title string, operations ...Op) *Step {
	ops := slices.Concat(
		s.open("", ""), s.localTables(), operations, s.RequireCoordinator(), []Op{commit()},
	)
	return &Step{title: title, Ops: ops}
}

// LayOut returns everything that is to be sent for the step.
func (s *Step) LayOut() []Op {
	if s.Framing == nil {
		return s.Ops
	}
	return s.Framing.Transaction(s.Move)
}

// Heading says to a person what the step does.
func (s *Step) Heading() string {
	if s.Framing == nil {
		return s.title
	}
	return title(s.Move)
}

func title(move *Move) string {
	if move.Down {
		return "revert " + move.Version
	}
	return "apply " + move.Version
}

// frameSize is about how much of a message stands around a file, besides its name.
const frameSize = 420

// Size is about how much of a message the step takes.
func (s *Step) Size() (bytes int) {
	if s.Framing != nil {
		return len(s.Move.File.Text) + frameSize + 3*len(s.Move.Version)
	}
	for i := range s.Ops {
		bytes += len(s.Ops[i].SQL)
	}
	return bytes
}
