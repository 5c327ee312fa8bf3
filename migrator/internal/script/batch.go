package script

// Batch puts whole steps into one message. It notes in session which statements the message prepares.
//
// The message takes the run lock once, at its beginning. It frees prepared statements and advisory locks, which outlive a
// transaction, once at its end: doing that after each file would add a fifth to the cost of a small file. So a step for which
// Leaves reports true must be the last one.
func Batch(steps []*Step, session *Session) Message {
	var w messageWriter
	size := 0
	for _, st := range steps {
		size += st.Size()
	}
	w.grow(size, 20*len(steps))
	for i, st := range steps {
		b := batch{messageWriter: &w, step: st, session: session, first: i == 0, last: i == len(steps)-1}
		b.add()
	}
	return w.end()
}

// A batch adds one step to a message of several steps.
type batch struct {
	*messageWriter
	step        *Step
	session     *Session
	first, last bool
}

// add adds the operations of the step, each in its second form if it has one. If the file may deallocate our prepared statements,
// add uses the plain forms.
func (b *batch) add() {
	deallocates := b.step.speaksOf("prepare", "deallocate")
	plain := b.step.Framing == nil || deallocates
	clocked := !plain // the prepared form of the settings has a clock
	b.step.each(func(ops []Op) {
		for i := range ops {
			op := &ops[i]
			if !clocked && op.Kind != OpFrame { // it takes a snapshot, which has to come after the locks on exposed tables
				clock := clock()
				b.write(b.step, &clock)
				clocked = true
			}
			switch {
			case op.Kind == OpLock && !b.first, op.Kind == OpClean && !b.last:
			case op.Prepared == nil, plain && op.Prepared.plain == nil:
				b.write(b.step, op)
			case plain:
				for _, op := range op.Prepared.plain() {
					b.write(b.step, &op)
				}
			default:
				b.execute(op)
			}
		}
	})
	if deallocates {
		b.session.Forget()
	}
}

// execute writes the second form of an operation. It prepares the statement first if the session does not have it.
func (b *batch) execute(op *Op) {
	p := op.Prepared
	if p.statement == nil {
		b.writePart(Part{Step: b.step, Op: &bare[op.Kind]}, p.sql, ";\n")
		return
	}
	if b.session.prepare(p.statement) {
		b.writePart(Part{Step: b.step, Op: &bare[op.Kind], Prepares: true}, "prepare ", prefix, p.statement.name, " ", p.statement.definition, ";\n")
	}
	kind := op.Kind
	if p.statement.clock {
		kind = OpClock
	}
	b.writePart(Part{Step: b.step, Op: &bare[kind], Prepares: true}, "execute ", prefix, p.statement.name, " (")
	for i, argument := range p.arguments {
		if i > 0 {
			b.text.WriteString(", ")
		}
		b.text.WriteString(argument)
	}
	b.text.WriteString(");\n")
}

// bare has one operation of each kind, without text. Parts in the second form use it, because their text is only in the message.
var bare = func() (ops [OpClock + 1]Op) {
	for kind := range ops {
		ops[kind].Kind = OpKind(kind)
	}
	return ops
}()

// Leaves reports whether the step's file may leave prepared statements or advisory locks in the session. No later file may see
// them. It looks for words in the text of the file, so it may report true without need.
func (s *Step) Leaves() bool { return s.speaksOf("prepare", "deallocate", "advisory") }

func (s *Step) speaksOf(words ...string) bool {
	return s.Framing != nil && s.Move.File.SpeaksOf(words...)
}
