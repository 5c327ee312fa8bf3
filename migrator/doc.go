// Package migrator applies versioned SQL files to PostgreSQL: exactly once, from any number of replicas at once.
//
// Most programs need three names: Load reads the files, New takes the connection, and Run does the work:
//
//	migrations, err := migrator.Load(files)
//	results, err := migrator.New(config, migrations, migrator.Config{}).Run(ctx, migrator.Up())
//
// # The model
//
// A Migration is a version of the schema: a file to apply and perhaps one to revert it. A Target says where to go. From
// a target, the files and the history comes a Plan, which is data: the migrations to run and, behind them, every
// operation that will be sent. A run walks it and sends; Plan.WriteTo walks it and prints, so a dry run cannot differ
// from a run. Each migration that has run is a Result. The History is a table of the database, schema_migrations.
//
// A target goes up (Up, UpN, UpTo), down (Down, DownTo) or both (Redo); or it runs nothing and writes rows of the history,
// all in one transaction (Repair, Baseline, MarkApplied, MarkPending): each of those is a Change. Whatever the target, a
// run takes the lock, outlives a lost connection, and does nothing twice.
//
// A repeatable migration, R_name.sql, runs after the versioned ones, and again when its text has changed. It is no part of
// the order, and is not reverted.
//
// # The promises
//
//  1. Exactly once. The history row is written in the migration's own transaction, and first. The primary key on version
//     decides who applies a file; the run lock only keeps the others from trying.
//  2. Nothing half-applied. A file is all there or not there at all. One that would end its own transaction is refused
//     before anything runs.
//  3. No repair by hand. After a crash at any moment run it again. There is no dirty flag. The one exception is a
//     statement that cannot run in a transaction, of which the catalog does not tell whether it has run: ErrInDoubt.
//  4. Any number of replicas may start at once: each ends with success, and each file ran once.
//  5. Any pooler for files in a transaction: no session state is relied on, one connection is enough, nothing is prepared.
//  6. Nobody queues behind a lock that a file holds or waits for while it waits longer than Config.LockTimeout, summed over
//     the file, whatever it waits for. It is rolled back and tried again, and who was in the way is named.
//  7. No leaks between files: role, search_path and settings of one meet neither the next nor the history.
//  8. Every error has a place, path:line:column, and says what the database contains now.
//  9. An old binary starts on a newer database: versions above its newest are fine.
//  10. Nothing pending costs one round trip, or two where there is something to warn of or the history is not in the first schema
//     of the search_path, and takes no lock.
//
// # On the server
//
// A run dials connections of its own: a worker, which reads the history, holds the run lock as an advisory lock of its session
// and runs the files; and, once a file takes longer than one or two tenths of a second, one from which it looks at what the
// worker waits for. pg_stat_activity shows them as "migrator <run> …". The backend of a client that is gone keeps the lock until
// it has ended, so that nobody works beside what is left of another run: within a second or so, where the server looks for its
// client while it works (from 15 on, and 14 on Linux; not on Windows), otherwise when its statement is done. Behind a pooler
// there is one connection, no session's lock and no look at it: each file's transaction takes the lock itself.
//
// pg_cancel_backend on the worker stops a run with an error; after pg_terminate_backend it dials again and goes on.
//
// Files in a transaction that follow each other are sent together, in messages of up to 64 kB, so that a hundred of them
// cost two round trips. Each is still a transaction of its own, with its history row, and is reported when it is committed: as
// the server's answers come in, 8 kB at a time, and where it works on a slow one, from the other connection within a sixth of
// a second. Where that is not to be had, the answers tell alone.
// Where one fails, those before it are done and those after it were not begun. The server reads a message before it runs any
// of it: a syntax error stops the files that it was sent with before the first one. To all of them now() is when the message
// arrived, which clock_timestamp() is not. Behind a pooler, and on Citus, each file is sent by itself.
//
// # Without a transaction
//
// A file with the directive no-transaction is sent statement by statement. Each that can runs in a transaction with its
// record in a table beside the history, claimed first; one that cannot is recorded before and after, and when it was cut
// off in between the catalog tells what became of it.
//
// # Errors
//
// Errors that a caller can tell apart: FileError, MigrationError, MismatchError, OrderError, VersionError, HistoryError,
// UnrelatedError, LockedError, UnfinishedError, ErrNoMigrations, ErrIrreversible, ErrUnsettled, ErrInDoubt.
package migrator
