package script

// Batch puts whole steps into one message. The run lock is taken once, and what outlives the transactions is freed at the end: to
// free it after each file would cost a fifth of a small one. A step that Leaves something has to be the last one.
func (s Writer) Batch(steps []*Step, session *Session) Message {
	var w messageWriter
	size := 0
	for _, st := range steps {
		size += st.Size()
	}
	w.grow(size, 20*len(steps))
	for i, st := range steps {
		b := batch{messageWriter: &w, step: st, session: session, first: i == 0, last: i == len(steps)-1}
		b.add(st.LayOut())
	}
	return w.end()
}

// A batch adds one step to a message of several.
type batch struct {
	*messageWriter
	step        *Step
	session     *Session
	first, last bool
}

func (b *batch) add(ops []Op) {
	deallocates := b.step.speaksOf("prepare", "deallocate")
	plain := b.step.Framing == nil || deallocates
	for i := range ops {
		op := &ops[i]
		switch {
		case op.Kind == OpLock && !b.first, op.Kind == OpClean && !b.last:
		case op.Prepared == nil || plain:
			b.write(b.step, op)
		case i == 0 || op.Prepared != ops[i-1].Prepared:
			b.execute(op)
		}
		if i == 0 && plain { // the step has begun
			clock := clock()
			b.write(b.step, &clock)
		}
	}
	if deallocates {
		b.session.Forget()
	}
}

// execute writes the second form of an operation.
func (b *batch) execute(op *Op) {
	s := op.Prepared.statement
	if b.session.prepare(s) {
		b.writePart(Part{Step: b.step, Op: &Op{Kind: op.Kind, SQL: "prepare " + prefix + s.name + " " + s.definition}, Prepares: true})
	}
	kind := op.Kind
	if s != nil && s.clock {
		kind = OpClock
	}
	b.writePart(Part{Step: b.step, Op: &Op{Kind: kind, SQL: op.Prepared.sql}, Prepares: s != nil})
}

// Leaves reports whether the file may leave prepared statements or advisory locks, which no later file must meet.
func (s *Step) Leaves() bool { return s.speaksOf("prepare", "deallocate", "advisory") }

func (s *Step) speaksOf(words ...string) bool {
	return s.Framing != nil && s.Move.File.SpeaksOf(words...)
}
