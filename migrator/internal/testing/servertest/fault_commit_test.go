package servertest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// TestPromise3WhatACommitBecameIsAskedWithinTheSameRun cuts the connection at the message that commits the second of three
// files: before the server has it, while it works on it, and when it is done and the client has not heard of it.
func TestPromise3WhatACommitBecameIsAskedWithinTheSameRun(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		at     pgproxy.Moment
		claims []int // how often the file may have been begun
	}{
		{"before", pgproxy.BeforeForward, []int{2}},
		{"meanwhile", pgproxy.AfterForward, []int{1, 2}}, // the orphan is ended, if it has not ended by itself
		{"after", pgproxy.AfterAnswer, []int{1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				url := newDatabase(t)
				proxy := pgproxy.Start(t, url)
				proxy.Cut(pgproxy.Cut{Match: commits("002_file.sql"), At: test.at})
				results, err := open(t, proxy.URL(), ledgerFiles(3), mode.config).Run(patience(t), migrator.Up())
				require.NoError(t, err, mode.name)
				require.Equal(t, 1, proxy.Cuts(), mode.name)
				require.Len(t, results, 3, mode.name)
				require.Equal(t, ledgerState(3), state(t, url), mode.name)

				claims, commit := 0, ""
				for _, message := range proxy.Messages() {
					if strings.Contains(message.SQL, "\nvalues ('002_file.sql'") || strings.Contains(message.SQL, "_claim ('002_file.sql'") {
						claims++
					}
					if commit == "" && commits("002_file.sql")(message) {
						commit = message.SQL
					}
				}
				require.Contains(t, test.claims, claims, "%s: %v", mode.name, proxy.Messages())
				file := strings.Contains(commit, "insert into ledger values (2)")
				require.Equal(t, !mode.config.OneByOne, file, "the file is in the message that commits it: %s", commit)
			}
		})
	}
}

// commits matches the message that ends a file's transaction: its seal and the commit are in one.
func commits(version string) func(pgproxy.Message) bool {
	return func(m pgproxy.Message) bool {
		_, seal, found := strings.Cut(m.SQL, "set applied_at = ")
		return found && strings.Contains(seal, "'"+version+"'") && strings.Contains(seal, ";\ncommit;")
	}
}
