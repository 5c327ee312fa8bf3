package script

import (
	"fmt"
	"slices"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// A Move is one file to apply or to revert.
type Move struct {
	Version     string // the name of the file
	Checksum    string // for the history row
	Down        bool   // revert it
	Repeatable  bool
	Isolation   string        // "" is read committed
	LockTimeout time.Duration // for locks of the file; 0 is no limit
	File        *sqlfile.File // with its text and statements
}

func (m *Move) direction() string {
	if m.Down {
		return "down"
	}
	return "up"
}

// A Step is a transaction, or a statement that cannot run in one. It succeeds or fails as a whole, and is tried again as a whole.
type Step struct {
	Move  *Move  // nil: a step of the tool's own, such as creating the history
	title string // for people, see Heading
	Ops   []Op   // nil if Framing is set, see LayOut

	// Only for a file in one transaction, instead of title and Ops. LayOut makes the operations around the file when they are
	// needed, because they are more text than most files.
	Framing *framing

	// Only for no-transaction files:
	Part      bool               // more steps follow for the same move
	Runs      *sqlfile.Statement // this statement is done when the step is
	Begins    *sqlfile.Statement // the next step runs this statement, outside a transaction
	Number    int                // the number of that statement in the file, from 1; 0: there is none
	Of        int                // how many statements the file has
	Alone     bool               // it has no transaction, and each statement of the file needs its own message: see OneByOne
	Patient   bool               // it waits for locks as long as it takes
	Unwatched bool               // no second connection may watch it: nobody else may be connected to the database
}

// A Writer turns moves into steps. A run and a dry run differ only in these fields.
type Writer struct {
	Table         history.Table
	RunID         string          // for application_name; "" leaves it out
	Major         int             // the major version of the server; 0: not PostgreSQL
	KeepsLock     bool            // the session keeps the run lock between transactions; otherwise each transaction takes it
	Pooled        bool            // a pooler lends the session, and gives it to other clients after us
	CheckInterval bool            // the server accepts client_connection_check_interval
	Citus         bool            // the server is a Citus coordinator, which runs a file's statements on its workers too
	Superuser     bool            // the role of the session is a superuser
	Exposed       []history.Table // our tables, if a write may run code of a stranger as the superuser; otherwise nil
}

// CreateHistory returns the step that creates the history table. Behind a pooler two runs may do so at once. One of them fails,
// with an error that makes it read the history again.
func (s Writer) CreateHistory() *Step {
	return s.Transaction(fmt.Sprintf("make the history table %s", s.Table), append([]Op{{Kind: OpClaim, SQL: s.Table.DDL()}}, s.newOwner(s.Table)...)...)
}

// Transaction returns a step of the tool's own: one transaction, which takes the run lock. The title is for people.
func (s Writer) Transaction(title string, operations ...Op) *Step {
	ops := slices.Concat(
		s.open("", ""), s.localTables(), operations, s.RequireCoordinator(), []Op{commit()},
	)
	return &Step{title: title, Ops: ops}
}

// each yields the operations of the step in order, a few at a time.
func (s *Step) each(yield func([]Op)) {
	if s.Framing == nil {
		yield(s.Ops)
		return
	}
	s.Framing.layOut(s.Move, yield)
}

// LayOut returns all operations of the step in order, in the form for a session that has none of our prepared statements.
func (s *Step) LayOut() (all []Op) {
	s.each(func(ops []Op) {
		for _, op := range ops {
			if op.Prepared != nil && op.Prepared.plain != nil {
				all = append(all, op.Prepared.plain()...)
			} else {
				all = append(all, op)
			}
		}
	})
	return all
}

// Heading returns what the step does, in words for people.
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

// frameSize is about how many bytes of a message the operations around a file take, without the file's name.
const frameSize = 420

// Size returns about how many bytes of a message the step takes.
func (s *Step) Size() (bytes int) {
	if s.Framing != nil {
		return len(s.Move.File.Text) + frameSize + 3*len(s.Move.Version)
	}
	for i := range s.Ops {
		bytes += len(s.Ops[i].SQL)
	}
	return bytes
}
