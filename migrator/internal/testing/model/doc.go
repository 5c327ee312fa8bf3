// Package model holds a model of the protocol by which runs of package migrator share a database, in Promela, and a test
// that has spin look at everything that can happen in it. It is no part of any program.
//
// server.pml is what PostgreSQL does: rows that are not committed, advisory locks, backends that outlive their client,
// an index that is not valid until it is built. run.pml is what a run does, and names the function that each part stands
// for. migrator.pml says how large it is: two runs of a transactional file and a no-transaction file, whose two
// statements build an index concurrently and insert a row, with two or three faults at any moments: a run is killed and
// another one begins, a worker's connection is lost, a file lets the run lock go. With POOLED all files are transactional, and
// each transaction takes the run lock. With three files the first two are one message, but with APIECE: the orphan of a killed
// run then goes on with the second when it has done the first.
//
// # What holds
//
// In every order of events: no file and no statement is applied twice, files are applied in order, and a run that ends
// with success finds all of them applied whole. An index that is not valid is not accepted. When a run says "rolled
// back", it was, and stays so. No run fails where nothing but these faults is wrong. No two wait for each other, and
// nothing goes on for ever: since the searches find no cycle at all, every run ends once its server gets on.
//
// # What each mechanism is for
//
// The test takes them out one by one and says what fails then. To files in a transaction the run lock is politeness, and the
// test shows that too: without it all of the above still holds, and the claims decide. A no-transaction file needs it, since
// nothing can claim the build of an index: a run would drop as a remnant what another one has just built, and the file would
// count as applied without its index. A killed run's backend keeps the lock until it ends, and so nobody builds beside it. Since
// a file may free all advisory locks of its session, each transaction that follows takes the lock back first, or gives way.
//
// # What is left out
//
// Going down, whose claim is an update where this one's is an insert; procedures that commit themselves; errors of the files themselves, cancelled contexts,
// lock timeouts; files that write to the history, against which the seal is; statements other than an index build that
// cannot run in a transaction. A poll is modelled as waiting, a read of history and progress as one moment, a
// transaction of which nobody sees anything before its commit as that commit. Where the code goes on ten times
// (maxReconnects), the model does once.
package model
