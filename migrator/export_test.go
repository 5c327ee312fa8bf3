package migrator

import (
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// SilentAfter sets how long an answer is waited for before the server is asked whether it is still there.
func (m *Migrator) SilentAfter(d time.Duration) *Migrator {
	m.silentAfter = d
	return m
}

// Review returns what would be sent of a text, and its statements there.
func Review(text string, mode Mode) (sent string, statements []sqllex.Statement, err error) {
	script := &Script{Path: "1_a.sql", SQL: text, Checksum: checksum(text), Mode: mode}
	file, err := review(script)
	if err != nil {
		return "", nil, err
	}
	return file.Text, file.Statements, nil
}

// ViewSQL is how a watch looks at a worker.
var ViewSQL = observationSQL

// LockKey is that of the run lock of a history.
func LockKey(schema, name string) int64 { return history.Table{Schema: schema, Name: name}.LockKey() }
