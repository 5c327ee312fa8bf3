// Package migrator applies versioned SQL files to PostgreSQL: exactly once, from any number of replicas at the same time.
//
// Most programs need three functions: Load reads the files, New takes the connection, and Run does the work:
//
//	migrations, err := migrator.Load(files) // any fs.FS
//	results, err := migrator.New(config, migrations, migrator.Config{}).Run(ctx, migrator.Up())
//
// # Files, targets, plans
//
// A [Migration] is one version of the schema: a file to apply and, optionally, a file to revert it. A repeatable migration,
// R_name.sql, runs after all others, and again when its text has changed; it cannot be reverted. The history is a table of the
// database, schema_migrations.
//
// A [Target] goes up ([Up], [UpN], [UpTo]), down ([Down], [DownTo]) or both ([Redo]). Other targets run nothing and only write
// rows of the history, all in one transaction ([Repair], [Baseline], [MarkApplied], [MarkPending]); each row is a [Change].
//
// Migrator.Plan returns what a run would do, and Plan.WriteTo prints it as an SQL script. A run sends the same operations, so a
// dry run cannot differ from it. Migrator.Run returns a [Result] for each migration that is committed.
//
// # What Run promises
//
// The tests of a promise carry its number in their names.
//
//  1. Exactly once. The history row is written in the migration's own transaction, and before the file runs. The primary key on
//     version decides which run applies a file.
//  2. Nothing half-applied. A file takes effect as a whole or not at all. Files that would end their own transaction are refused
//     before anything runs.
//  3. No repair by hand. After a crash at any moment, run it again. There is no dirty flag. The one exception is [ErrInDoubt].
//  4. Any number of replicas may start at once. Each ends with success, and each file runs once.
//  5. Files in a transaction work through any pooler in transaction or session mode, over a single connection.
//  6. Other sessions do not queue behind a lock of a file for longer than Config.LockTimeout, summed over the file. The file is
//     rolled back and tried again, and the blocking sessions are named.
//  7. The role, search_path and settings that a file leaves behind affect neither the next file nor the history.
//  8. Every error of a file has a place, path:line:column, and says what the database contains now.
//  9. An old binary starts on a newer database: versions above its newest are fine.
//  10. If nothing is pending, a run takes no lock and costs one round trip; two if there is a warning, or if the history is not
//     in the first schema of the search_path.
//
// A file with the directive no-transaction runs statement by statement, and each statement runs once. If one fails, the next run
// resumes there. A statement that cannot run in a transaction and was interrupted is looked up in the catalog; if that does not
// tell whether it has run, the run stops with [ErrInDoubt]. Such a file needs a direct connection.
//
// # What to know about the connections
//
// A run dials its own connections and closes them: one that does the work and, for a file that takes long, a second one that
// observes lock waits. pg_stat_activity shows them as "migrator <run> …". pg_cancel_backend on the first one stops the run with
// an error. After pg_terminate_backend it dials again and continues.
//
// Files in a transaction that follow each other are sent together, in messages of up to 64 kB. Each is still a transaction of
// its own. To all files of a message now() is the time at which the message arrived; clock_timestamp() is not. A syntax error
// stops all files of a message before the first one runs. Behind a pooler, and on Citus, each file is sent by itself.
//
// # Errors
//
// Use errors.As for [FileError], [MigrationError], [MismatchError], [OrderError], [VersionError], [HistoryError],
// [UnrelatedError], [LockedError] and [UnfinishedError], and errors.Is for [ErrNoMigrations], [ErrIrreversible], [ErrUnsettled]
// and [ErrInDoubt]. Results are valid even if Run returns an error as well.
//
// docs/architecture.md in the repository describes the protocol and the code.
package migrator
