// Package bench measures package migrator beside the tools that others use, in one run: go test -bench . in this folder. It
// is a module of its own, so that their dependencies are none of the main module's.
//
// Each benchmark runs all tools in turn, b.N times, so that what else the machine does meets each of them, and reports
// for each one how many times as long it takes as the floor: a program that sends one message a file through pgx, with
// the row of the history in the same transaction. TEST_DATABASE_URL names the server; see package migratortest for what is
// taken without it.
package bench
