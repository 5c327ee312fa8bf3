package migrator

import (
	"fmt"
	"slices"
	"strings"
)

// What stands between steps that are sent together.

// A bundle puts whole steps into one message.
type bundle struct {
	messageWriter
	script   scripter
	run      *run
	prepared bool // the seal is a prepared statement now, and there is no other one that files have made
}

// together puts whole steps into one message, which takes the run lock once. What cleans up after one of them stands where
// the next one has begun: a transaction more would cost as much as a small file.
func (r *run) together(steps []*step) message {
	t := bundle{run: r, script: scripter{table: r.table, keepsLock: true}}
	size, count := 0, 0
	for _, s := range steps {
		size += s.size()
		count += len(s.operations)
	}
	t.text.Grow(size * 5 / 4) // what ends each operation, and the cleaning
	t.parts = make([]part, 0, count+4*len(steps))
	for i, s := range steps {
		operations := s.operations
		lock := slices.IndexFunc(operations, func(o operation) bool { return o.kind == opLock })
		t.add(s, operations[:1])
		if i == 0 {
			t.add(s, []operation{clock()})
			t.add(s, operations[1:lock+1])
		} else {
			t.add(steps[i-1], append(t.cleanUp(steps[i-1]), clock()))
			t.add(s, operations[1:lock])
		}
		operations = operations[lock+1:]
		if i < len(steps)-1 {
			commit := slices.IndexFunc(operations, func(o operation) bool { return o.kind == opCommit })
			operations = operations[:commit+1]
		}
		t.body(s, operations)
	}
	return t.end()
}

// body adds what a step does under the lock. Its seal is prepared, once for all steps: to plan it costs a fifth of what a
// small file does.
func (t *bundle) body(s *step, operations []operation) {
	seal := slices.IndexFunc(operations, func(o operation) bool { return o.kind == opSeal })
	if seal < 0 || s.speaksOf("prepare", "deallocate") {
		t.prepared = false
		t.add(s, operations)
		return
	}
	if !t.prepared {
		t.prepared = true
		t.add(s, []operation{t.prepareSeal(s.move.Direction)})
	}
	t.add(s, operations[:seal])
	t.add(s, []operation{{kind: opSeal, sql: fmt.Sprintf("execute %s (%s)", t.name(), literal(string(s.move.Migration.Version)))}})
	t.add(s, operations[seal+1:])
}

// prepareSeal says less than the seal itself where the row is not as it should be: the step is then sent alone.
func (t *bundle) prepareSeal(d Direction) operation {
	return operation{kind: opSeal, sql: fmt.Sprintf(
		"prepare %s (pg_catalog.text) as with sealed as (\n  %s\n  returning 1)\nselect 1 operator(pg_catalog./) pg_catalog.count(*) from sealed", t.name(), t.script.sealed(d, "$1"))}
}

// name is that of the seal. No file uses it by accident.
func (t *bundle) name() string { return "migrator_" + t.run.id }

// clock tells when a step begins.
func clock() operation {
	return operation{kind: opClock, sql: "select " + asTimestamp(utcNow)}
}

// cleanUp cleans up after a step that is followed by another one. Advisory locks and prepared statements that a function has
// left, of which the file says nothing, are freed when the message ends: to free them costs a fifth of what a small file
// does, and later files of the session do not meet them.
func (t *bundle) cleanUp(s *step) []operation {
	operations := []operation{clean("discard temp"), clean("close all")}
	if !t.prepared {
		operations = t.script.discard()
	}
	if s.speaksOf("advisory") {
		operations = append(operations, t.script.unlock())
	}
	return operations
}

// speaksOf reports whether the step's file has one of some words, in lower case, wherever they stand.
func (s *step) speaksOf(words ...string) bool {
	if s.move == nil {
		return false
	}
	text := strings.ToLower(s.move.script().SQL)
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}
