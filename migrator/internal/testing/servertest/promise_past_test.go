package servertest

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// A past is something to do in a database, of which a second time would show.
type past struct {
	name     string
	before   []func() fstest.MapFS // what was applied, one set of files after the other
	files    func() fstest.MapFS
	target   migrator.Target
	state    func(testing.TB, string) []string
	done     []string
	results  int  // of a run that nobody has disturbed
	messages int  // that it sends, at least
	together int  // transactions in its longest message; 0: it has no message of several
	counts   bool // a second run of the target does more
}

// pasts are what can be asked for: up and down, in transactions and without one, and what runs nothing.
var pasts = []past{
	{
		name: "in transactions", files: three, target: migrator.Up(),
		state: state, done: ledgerState(3), results: 3, messages: 5, together: 4,
	},
	{
		name: "without a transaction", files: indexFiles, target: migrator.Up(),
		state: indexState, done: indexDone, results: 3, messages: 20,
	},
	{
		name: "down", before: sets(three), files: three, target: migrator.DownTo("1"),
		state: state, done: []string{"history 001_ledger.sql", "ledger -2", "ledger -3", "ledger 1", "ledger 2", "ledger 3"}, results: 2, messages: 4, together: 2,
	},
	{
		name: "down without a transaction", before: sets(indexFiles), files: indexFiles, target: migrator.DownTo("1"),
		state: indexState, done: []string{"history 001_table.sql", "ledger -2", "ledger -4", "ledger 1", "ledger 2", "ledger 3", "ledger 4"}, results: 2, messages: 10,
	},
	{
		name: "redo", before: sets(three), files: three, target: migrator.Redo(1),
		state: state, done: slices.Sorted(slices.Values(append(ledgerState(3), "ledger -3", "ledger 3"))), results: 2, messages: 4, counts: true,
	},
	{
		name: "repeatable", before: sets(func() fstest.MapFS { return repeatableFiles(10) }), files: func() fstest.MapFS { return repeatableFiles(11) }, target: migrator.Up(),
		state: state, done: repeatableState(10, 11), results: 1, messages: 3,
	},
	{
		name: "baseline", files: three, target: migrator.Baseline(""),
		state: state, done: ledgerState(3)[:3], results: 3, messages: 4, together: 2,
	},
	{
		name: "repair", before: sets(three), files: edited, target: migrator.Repair(),
		state: checksums, done: checksumsOf(edited()), results: 2, messages: 3,
	},
	{
		name: "mark as pending", before: sets(three), files: three, target: migrator.MarkPending("2", "3"),
		state: checksums, done: checksumsOf(ledgerFiles(1)), results: 2, messages: 3,
	},
	{
		name: "mark as applied", before: sets(func() fstest.MapFS { return ledgerFiles(1) }), files: three, target: migrator.MarkApplied("3", "2"),
		state: checksums, done: checksumsOf(three()), results: 2, messages: 3,
	},
}

func sets(files ...func() fstest.MapFS) []func() fstest.MapFS { return files }

// prepare makes the database what it is before the target.
func (p *past) prepare(t *testing.T, url string) {
	t.Helper()
	empty(t, url)
	for _, files := range p.before {
		_, err := open(t, url, files(), migrator.Config{}).Run(patience(t), migrator.Up())
		require.NoError(t, err)
	}
}

func three() fstest.MapFS { return ledgerFiles(3) }

// edited are the three files, of which one was changed since and one renamed.
func edited() fstest.MapFS {
	fsys := ledgerFiles(3)
	fsys["002_file.sql"] = files("x", "-- what it was once\n")["x"]
	fsys["004_file.sql"] = fsys["003_file.sql"]
	fsys["004_file.down.sql"] = fsys["003_file.down.sql"]
	delete(fsys, "003_file.sql")
	delete(fsys, "003_file.down.sql")
	return fsys
}

// checksums are the rows of the history.
func checksums(tb testing.TB, url string) []string {
	tb.Helper()
	return query(tb, url, "select version || ' ' || checksum from schema_migrations order by 1")
}

func checksumsOf(fsys fstest.MapFS) []string {
	migrations, err := migrator.Load(fsys)
	if err != nil {
		panic(err) // the test's own files
	}
	var rows []string
	for _, m := range migrations {
		rows = append(rows, string(m.Version)+" "+m.Checksum())
	}
	return rows
}
