package servertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestABaselineRecordsWhatIsThereAndTheNextRunGoesOnAfterIt(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create table ledger (file int not null); create table goose_db_version (id int, version_id bigint, is_applied boolean, tstamp timestamp); insert into goose_db_version values (1, 2, true)")
	m := open(t, url, ledgerFiles(4), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "is empty, but goose has applied migrations here")
	require.ErrorContains(t, err, "record what is applied already as a baseline")

	results, err := m.Run(patience(t), migrator.Baseline("2"))
	require.NoError(t, err)
	require.Len(t, results, 2)
	require.Equal(t, migrator.Version("001_ledger.sql"), results[0].Change.After.Version)
	require.Nil(t, results[0].Change.Before)
	require.Equal(t, checksumsOf(ledgerFiles(2)), checksums(t, url))
	require.Empty(t, query(t, url, "select file::text from ledger"), "nothing ran")

	results, err = m.Run(patience(t), migrator.Baseline("2"))
	require.NoError(t, err, "it may be asked for again")
	require.Empty(t, results)
	_, err = m.Run(patience(t), migrator.Baseline("3"))
	require.ErrorContains(t, err, "the history is not empty (2 recorded), and 003_file.sql is pending")

	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"3", "4"}, query(t, url, "select file::text from ledger order by 1"))
}

func TestRepairAcceptsTheFilesAsTheyAre(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, three(), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	at := query(t, url, "select applied_at::text from schema_migrations order by version")

	m := open(t, url, edited(), migrator.Config{})
	var mismatch *migrator.MismatchError
	require.ErrorAs(t, m.Verify(patience(t)), &mismatch)
	require.Len(t, mismatch.Mismatches, 2)
	_, err = m.Run(patience(t), migrator.Up())
	require.ErrorAs(t, err, &mismatch)

	results, err := m.Run(patience(t), migrator.Repair())
	require.NoError(t, err)
	require.Len(t, results, 2)
	require.Equal(t, &migrator.Change{
		Before: &migrator.Row{Version: "002_file.sql", Checksum: checksumsOf(three())[1][len("002_file.sql "):]},
		After:  &migrator.Row{Version: "002_file.sql", Checksum: checksumsOf(edited())[1][len("002_file.sql "):]},
	}, results[0].Change)
	require.Equal(t, migrator.Version("003_file.sql"), results[1].Change.Before.Version)
	require.Equal(t, migrator.Version("004_file.sql"), results[1].Change.After.Version)
	require.Equal(t, checksumsOf(edited()), checksums(t, url))
	require.Equal(t, at, query(t, url, "select applied_at::text from schema_migrations order by version"), "it was applied then")
	require.NoError(t, m.Verify(patience(t)))
	results, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
}

func TestMarksAreWrittenInOneTransactionOrNotAtAll(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, three(), migrator.Config{})
	_, err := m.Run(patience(t), migrator.UpTo("1"))
	require.NoError(t, err)
	execute(t, url, `create function refuse() returns trigger language plpgsql as $$begin raise 'not that one'; end$$;
		create trigger refuse before insert on schema_migrations for each row when (new.version like '003%') execute function refuse()`)
	results, err := m.Run(patience(t), migrator.MarkApplied("2", "3"))
	require.ErrorContains(t, err, "mark as applied: ERROR: not that one")
	require.ErrorContains(t, err, "STATE: rolled back; nothing was recorded")
	require.Empty(t, results)
	require.Equal(t, checksumsOf(ledgerFiles(1)), checksums(t, url))
}

func TestPromise4OfManyWhoRecordTheSameOneDoes(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{false, true} { // with a role that may have two connections, and one
		url := newDatabase(t)
		as := url
		if alone {
			as = narrow(t, url)
		}
		recorded := 0
		counts := make([]int, 8)
		var group errgroup.Group
		for i := range counts {
			m := open(t, as, three(), migrator.Config{})
			group.Go(func() error {
				results, err := m.Run(patience(t), migrator.Baseline(""))
				counts[i] = len(results)
				return err
			})
		}
		require.NoError(t, group.Wait())
		for _, n := range counts {
			recorded += n
		}
		require.Equal(t, 3, recorded)
		require.Equal(t, checksumsOf(three()), checksums(t, url))
	}
}

func TestAPersonWhoEndsAnUnfinishedFileByHandSaysSoWithAMark(t *testing.T) {
	t.Parallel()
	broken := indexFiles()
	broken["002_indexes.sql"] = files("x", "-- migrator: no-transaction\ninsert into ledger values (2);\nselect 1/0;\n")["x"]
	for _, c := range []struct {
		target migrator.Target
		want   []string
	}{
		{migrator.MarkApplied("2"), []string{"history 001_table.sql", "history 002_indexes.sql", "ledger 1", "ledger 2", "ledger_file"}},
		{migrator.MarkPending("2"), []string{"history 001_table.sql", "ledger 1", "ledger 2", "ledger_file"}},
	} {
		url := newDatabase(t)
		m := open(t, url, broken, migrator.Config{})
		_, err := m.Run(patience(t), migrator.Up())
		require.ErrorContains(t, err, "statement 1 is applied")
		require.ErrorContains(t, m.Verify(patience(t)), "002_indexes.sql is unfinished: statement 1 is applied")
		results, err := m.Run(patience(t), c.target)
		require.NoError(t, err)
		require.Len(t, results, 1)
		require.Equal(t, &migrator.Unfinished{Direction: migrator.DirectionUp, Done: 1}, results[0].Change.Before.Unfinished)
		require.Equal(t, c.want, indexState(t, url), "and nothing is left of the record of progress")
	}
}

func TestVerifyNamesEveryDisagreement(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	_, err := open(t, url, ledgerFiles(5), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.NoError(t, open(t, url, ledgerFiles(5), migrator.Config{}).Verify(patience(t)))
	require.NoError(t, open(t, url, ledgerFiles(6), migrator.Config{}).Verify(patience(t)), "what is merely pending")

	execute(t, url, "delete from schema_migrations where version like '004%'")
	fsys := ledgerFiles(4)
	fsys["002_file.sql"] = files("x", "-- changed\n")["x"]
	delete(fsys, "003_file.sql")
	delete(fsys, "003_file.down.sql")
	var mismatch *migrator.MismatchError
	require.ErrorAs(t, open(t, url, fsys, migrator.Config{}).Verify(patience(t)), &mismatch)
	var found []string
	for _, s := range mismatch.Mismatches {
		found = append(found, string(s.Version)+" "+string(s.State))
	}
	require.Equal(t, []string{"002_file.sql changed", "003_file.sql missing", "004_file.sql out of order", "005_file.sql newer"}, found)
}

func TestWaitReturnsWhenTheDatabaseIsThere(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	require.NoError(t, open(t, url, three(), migrator.Config{}).Wait(patience(t), migrator.Reachable))

	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, errors.New("enough"))
	defer cancel()
	var seen recorder
	err := open(t, url, three(), migrator.Config{Observe: seen.observe}).Wait(ctx, migrator.Current)
	require.ErrorContains(t, err, "enough: 3 migrations are not applied yet, the first is 001_ledger.sql")
	require.Len(t, seen.of(migrator.EventWaiting), 1, "it is told once, and then when it changes")

	waited := make(chan error, 1)
	m := open(t, url, three(), migrator.Config{})
	go func() { waited <- m.Wait(patience(t), migrator.Current) }()
	_, err = m.Run(patience(t), migrator.UpTo("2"))
	require.NoError(t, err)
	select {
	case err := <-waited:
		require.Fail(t, "it is not current yet", "%v", err)
	case <-time.After(500 * time.Millisecond):
	}
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.NoError(t, <-waited)
	require.NoError(t, open(t, url, ledgerFiles(2), migrator.Config{}).Wait(patience(t), migrator.Current), "a newer database is current")
}

func TestWaitDoesNotWaitForWhatTimeCannotMend(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create table schema_migrations (version bigint, dirty boolean)")
	err := open(t, url, three(), migrator.Config{}).Wait(patience(t), migrator.Current)
	require.ErrorContains(t, err, "belongs to golang-migrate")
}
