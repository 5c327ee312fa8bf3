// The database, and the server processes that work for the runs of run.pml.

// Backends are numbered from 1; 0 is nobody.
bool row[FILES + 1];   // the history: rows that are committed
byte claim[FILES + 1]; // who has inserted one and not committed
bool kept;             // the progress row of the no-transaction file
byte done;             //   statements that are done
bool started;          //   the next one was begun outside a transaction
mtype index = ABSENT;  // that the no-transaction file builds
byte builder;          // who builds it
byte k;                // who holds the run lock: for its session, or behind a pooler for a transaction

typedef Backend {
	bool open;
	mtype job;    // the message that it was sent; NOTHING: it is idle
	byte what;    // a file, or a statement
	mtype answer; // NOTHING: there is none yet
	bool gone;    // its client is
	bool told;    // its run has said that this was rolled back
}
Backend server[BACKENDS + 1];
#define B server[me]

// What was done, to see that nothing is done twice.
byte applied[FILES + 1];   // how often each file
byte inserted[STATEMENTS]; // how often each statement of the no-transaction file

inline reply(a) {
	if
	:: k == me && !KEEPS_LOCK -> k = 0
	:: else
	fi;
	B.job = NOTHING;
	B.what = 0;
	B.answer = (B.gone -> NOTHING : a);
	goto idle
}

// NEXT is how a statement is claimed: Writer.claimProgress.
#if defined(NO_PROGRESS)
#define NEXT true
#elif defined(NO_GUARD)
#define NEXT kept
#else
#define NEXT (kept && done == B.what)
#endif

// How a file is claimed, Writer.claim: whoever comes second waits for the first one's end.
#ifdef NO_CLAIM
#define ENDED true
#define NEW true
#else
#define ENDED (claim[f] == 0)
#define NEW !row[f]
#endif

// Transactional files are one message, but where each is sent alone: run.sendsAlone.
#ifdef APIECE
#define TOGETHER false
#else
#define TOGETHER (f + 1 < NOTX && KEEPS_LOCK)
#endif

// lock is Writer.lock.
inline lock() {
#if !defined(NO_K) && !defined(NO_RETAKE)
	if
	:: k == 0 || k == me -> k = me
	:: else -> reply(LOCKED)
	fi
#else
	skip
#endif
}

// lockAgain is Writer.unlock, where the file's text speaks of advisory locks: one that has let the lock go does not stop
// those that it was sent with.
inline lockAgain() {
	if
	:: k == 0 -> k = me
	:: else
	fi
}

// LETS_GO is whether a file may free all advisory locks of its session.
#define LETS_GO (faults > 0 && KEEPS_LOCK && k == me)

// begin begins the transaction of a message, Writer.open, and makes its claims.
inline begin(may) {
	lock();
	claims(may)
}

inline claims(may) {
	if
	:: ENDED && NEW && (may)
	:: ENDED && !(NEW && (may)) -> reply(TAKEN)
	:: B.gone -> goto over
	fi
}

// Once its client is gone, a backend may still end what it was sent, its commit included, or be ended at any moment
// (client_connection_check_interval, connections.endOrphans). Its locks go with it.
proctype backend(byte me) {
	byte f;
idle:
	f = 0;
end:
	if
	:: B.gone -> goto over
	:: atomic { B.job == APPLY -> f = B.what; begin(true); claim[f] = me }
	:: atomic { B.job == STATEMENT -> f = NOTX; begin(NEXT && !started); claim[f] = me; goto statement }
	:: B.job == BUILD -> goto build
	:: atomic { B.job == DROP && builder == 0 -> index = ABSENT; reply(DONE) }
	// Transactions of which nobody sees anything before they commit: Writer.begin, start, record, again and end.
	:: atomic { B.job == CREATE -> f = NOTX; begin(!kept); assert(!row[f]); kept = true; reply(DONE) }
	:: atomic { B.job == START -> f = NOTX; begin(NEXT && !started); started = true; reply(DONE) }
	:: atomic { B.job == RECORD -> f = NOTX; begin(NEXT && started);
		assert(index == VALID); started = false; done++; reply(DONE) }
	:: atomic { B.job == AGAIN -> f = NOTX; begin(NEXT && started); started = false; reply(DONE) }
	:: atomic { B.job == FINISH -> f = NOTX; begin(kept && done == STATEMENTS && !started);
		assert(index == VALID && inserted[1 - INDEX] == 1);
		applied[f]++; row[f] = true; kept = false; done = 0; reply(DONE) }
	fi;

file: // in a transaction: framing.layOut, or batch.add where it is sent together with others
	if
	:: atomic { true -> // the file, the seal and the commit
		assert(!B.told);
		applied[f]++;
		assert(applied[f] <= 1);
		assert(f == 0 || row[f - 1]);
		row[f] = true; claim[f] = 0;
		if
		:: TOGETHER -> f++; lockAgain(); claims(true); claim[f] = me; goto file // the next one in the message: run.sendSteps
		:: else -> reply(DONE)
		fi }
	:: atomic { LETS_GO -> faults--; k = 0; goto file }
	:: B.gone -> goto over
	fi;

statement: // of a no-transaction file, one that can run in a transaction: Writer.inside
	if
	:: atomic { true -> // the statement, the seal, which takes the history row away again, and the commit
		assert(!B.told);
		inserted[B.what]++;
		assert(inserted[B.what] <= 1);
		done = B.what + 1; claim[f] = 0;
		reply(DONE) }
	:: atomic { LETS_GO -> faults--; k = 0; goto statement }
	:: B.gone -> goto over
	fi;

build: // CREATE INDEX CONCURRENTLY
	if
	:: atomic { builder == 0 ->
		if
		:: index == ABSENT -> index = INVALID; builder = me
		:: else -> reply(EXISTS)
		fi }
	:: B.gone -> goto over
	fi;
	if
	:: atomic { true -> index = VALID; builder = 0; reply(DONE) }
	:: B.gone -> goto over
	fi;

over: // what it had not committed is rolled back; a build leaves an invalid index
	atomic {
		if :: claim[f] == me -> claim[f] = 0 :: else fi;
		if :: builder == me -> builder = 0 :: else fi;
		if :: k == me -> k = 0 :: else fi;
		B.job = NOTHING; B.what = 0; B.gone = false; B.told = false; B.open = false;
		goto idle
	}
}
