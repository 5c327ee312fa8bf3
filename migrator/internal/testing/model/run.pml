// What a run does. One that is killed is followed by another one in its place.

// ask sends a message and waits for the answer.
inline ask(message, about) {
	atomic { server[b].what = about; server[b].job = message }
	if
	:: atomic { server[b].answer != NOTHING -> answer = server[b].answer; server[b].answer = NOTHING }
	:: atomic { faults > 0 -> faults--; goto lost }
	:: atomic { faults > 0 -> faults--; goto killed }
	fi
}

// hangUp is connections.disconnect. A backend that has nothing to do and holds nothing ends at once: nobody could tell.
inline hangUp() {
	server[b].answer = NOTHING;
	if
	:: server[b].job == NOTHING && k != b -> server[b].open = false
	:: else -> server[b].gone = true
	fi
}

// release is connections.close.
inline release() {
	if
	:: k == b -> k = 0
	:: else
	fi
}

inline readProgress() {
	has = kept; begun = started;
#ifndef NO_PROGRESS
	i = done
#endif
}

proctype runner(byte me) {
	byte b, old;      // the worker's backend; the one that was lost with its connection
	byte f, next;     // the file that is next, as this run knows; as the history has it
	byte i;           // the statement that is next
	bool has, begun;  // the progress record
	bool refused;     // the build was
	bool held;        // the run lock, as this run believes
	byte losses, conflicts;
	mtype message, answer;

dial: // Migrator.dial
	atomic {
		b = 1;
		do
		:: server[b].open -> b++
		:: else -> break
		od;
		server[b].open = true
	}
#ifndef NO_ORPHAN_END
	atomic { !server[old].gone -> old = 0 } // connections.endOrphans
#endif

read: // run.readHistory, planner.plan, and what run.retry does about the last attempt
	atomic {
		next = 0;
		do
		:: next < FILES && row[next] -> next++
		:: else -> break
		od;
		if
#ifndef NO_ASKING
		:: next > f -> losses = 0
#endif
		:: else ->
			if
			:: losses > LOSSES -> // run.giveUp: "rolled back; nothing of this file was applied"
				assert(!row[f]);
				server[old].told = server[old].gone;
				goto over
			:: else
			fi
		fi;
		if
#ifndef OWN_PROGRESS
		:: next != f -> conflicts = 0
#endif
		:: else -> assert(conflicts <= CONFLICTS)
		fi;
		old = 0; f = next; next = 0;
		has = false; i = 0; begun = false; refused = false;
#ifdef NO_REREAD
		readProgress()
#endif
	}
	if
	:: f == FILES || held || !KEEPS_LOCK
#ifdef NO_K
	:: true
#else
	:: atomic { f < FILES && !held && KEEPS_LOCK && (k == 0 || k == b) -> k = b; held = true; goto read } // runLock.take
#endif
	fi;

walk: // run.sendPlan
	if
	:: f == FILES -> goto success
	:: f < FILES && f == NOTX -> goto withoutTransaction
	:: else
	fi;
	ask(APPLY, f); // run.sendSteps
	atomic {
		if
		:: answer == DONE -> answer = NOTHING; losses = 0; conflicts = 0;
			f++;
#ifndef APIECE
			do
			:: f < NOTX && KEEPS_LOCK -> f++
			:: else -> break
			od
#endif
#ifdef NO_READING
		:: answer == TAKEN -> answer = NOTHING; goto walk
#else
		:: answer == TAKEN -> answer = NOTHING; conflicts++; goto read
#endif
		:: answer == LOCKED -> answer = NOTHING; held = false; goto locked
		fi;
		goto walk
	}

locked: // runLock.wait
	k == 0 || k == b;
	goto read;

withoutTransaction: // runNoTransaction, Writer.lockSession
#ifndef NO_K
	if
	:: atomic { k == 0 || k == b -> k = b }
	:: atomic { k != 0 && k != b -> held = false; goto locked }
	:: atomic { faults > 0 -> faults--; goto killed }
	fi;
#endif
#ifdef NO_REREAD
	goto decide;
#endif
	atomic { // run.readHistory
		if
		:: row[f] -> goto read
		:: else -> readProgress()
		fi
	}

decide: // Writer.NoTransaction
	if
	:: atomic { !has -> message = CREATE }
	:: atomic { has && i == STATEMENTS -> message = FINISH }
	:: atomic { has && i < STATEMENTS && i != INDEX -> message = STATEMENT }
	:: atomic { has && i == INDEX && !begun -> message = START }
	:: has && i == INDEX && begun -> goto settle // noTxFile.resume
	fi;

send: // run.sendStep, noTxFile.outside
	ask(message, i);
	atomic {
		if
		:: answer == TAKEN -> answer = NOTHING; message = NOTHING; conflicts++; goto read
		:: answer == LOCKED -> answer = NOTHING; message = NOTHING; held = false; goto locked
		:: answer == EXISTS -> answer = NOTHING; refused = true; goto settle
		:: answer == DONE ->
			answer = NOTHING;
			if
			:: message == CREATE -> message = NOTHING; has = true
			:: message == START -> message = BUILD
			:: message == BUILD -> message = RECORD
			:: message == DROP -> message = AGAIN
			:: message == AGAIN -> message = NOTHING; begun = false;
				assert(!refused) // the run fails with "already exists", though no file is wrong
			:: message == RECORD || message == STATEMENT ->
				message = NOTHING; begun = false; refused = false; i++; losses = 0; conflicts = 0
			:: message == FINISH ->
				message = NOTHING; has = false; i = 0; f++; losses = 0; conflicts = 0; goto walk
			fi
		fi
	}
	if
	:: message == NOTHING -> goto decide
	:: message != NOTHING -> goto send
	fi;

settle: // noTxFile.recoverStatement: after a build that was refused, and of one that was cut off
	atomic {
#if defined(NO_SETTLE)
		message = AGAIN;
#elif defined(BY_NAME)
		message = (index == ABSENT -> AGAIN : RECORD);
#else
		index != INVALID || builder == 0; // noTxFile.waitForBuilders
		if
		:: index == ABSENT -> message = AGAIN
		:: index == INVALID -> message = DROP
		:: index == VALID -> message = RECORD
		fi;
#endif
		goto send
	}

lost: // run.retry, connections.disconnect
	atomic {
		hangUp(); old = b;
		held = false;
		losses++;
		has = false; i = 0; begun = false; refused = false; message = NOTHING;
		goto dial
	}

killed: // another process begins
	atomic {
		hangUp(); old = 0;
		held = false;
		f = 0; losses = 0; conflicts = 0;
		has = false; i = 0; begun = false; refused = false; message = NOTHING;
		goto dial
	}

success:
	atomic {
		next = 0;
		do
		:: next < FILES -> assert(row[next] && applied[next] == 1); next++
		:: else -> break
		od
	}

over: // connections.close
	atomic {
		release();
		hangUp();
		ended++
	}
}

init {
	byte n;
	atomic {
		for (n : 1 .. BACKENDS) { run backend(n) }
		for (n : 1 .. RUNNERS) { run runner(n - 1) }
	}
}

ltl everyRunEnds { <> (ended == RUNNERS) }
