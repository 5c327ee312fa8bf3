// The protocol by which runs of package migrator share a database. doc.go says what it shows. A name with a dot is a
// function of that package. NO_K and the like take a mechanism out: model_test.go says what fails then.

#ifndef RUNNERS
#define RUNNERS 2 // processes that run the same files at once
#endif
#ifndef FAULTS
#define FAULTS 2 // kills, lost connections, and files that let the run lock go, in all
#endif
#ifndef FILES
#define FILES 2
#endif
#ifndef INDEX
#define INDEX 0 // which statement of the no-transaction file builds the index; the others insert a row
#endif
#define STATEMENTS 2
#define LOSSES 1 // how often a run dials again for one file: maxReconnects
#ifndef CONFLICTS
#define CONFLICTS 1 // how often in a row, with no file done by anybody, a run finds what it sent refused: maxReconnects
#endif
#define BACKENDS (RUNNERS + FAULTS) // each fault leaves at most one without a client

#define NOTHING 0 // no message, no answer
mtype = {
	APPLY, CREATE, STATEMENT, START, BUILD, RECORD, AGAIN, DROP, FINISH, // what a run asks of a backend, in one message
	DONE, TAKEN, LOCKED, EXISTS,                                         // what it is told
	ABSENT, INVALID, VALID                                               // the index
}

#ifdef POOLED // connections.pooled: each transaction takes the run lock; a no-transaction file is refused there
#define NOTX FILES
#define KEEPS_LOCK false
#else
#define KEEPS_LOCK true
#endif
#ifndef NOTX
#define NOTX (FILES - 1) // the last file; those before it are transactional
#endif

byte faults = FAULTS;
byte ended; // runs

#include "server.pml"
#include "run.pml"
