package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// A progress is the last line of a terminal: which file runs, and for how long. The zero value shows nothing.
type progress struct {
	active  bool
	text    string
	began   time.Time
	ticking chan struct{}
}

const eraseLine = "\r\x1b[2K"

// begin shows a migration that was started, and goes on counting.
func (s *screen) begin(e migrator.Event) {
	if !s.errTTY || s.quiet {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = progress{active: true, text: fmt.Sprintf("[%d/%d] %s", e.Index, e.Total, e.Version), began: time.Now(), ticking: make(chan struct{})}
	s.progress.show(s.err)
	go s.tick(s.progress.ticking)
}

// tick redraws the line until its channel is closed.
func (s *screen) tick(ended <-chan struct{}) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
			s.mu.Lock()
			s.progress.show(s.err)
			s.mu.Unlock()
		}
	}
}

func (s *screen) end() { s.clear() }

func (p *progress) show(w io.Writer) {
	if p.active {
		fmt.Fprintf(w, "%s%s %.1fs", eraseLine, p.text, time.Since(p.began).Seconds())
	}
}

func (p *progress) hide(w io.Writer) {
	if p.active {
		fmt.Fprint(w, eraseLine)
	}
}

func (p *progress) stop(w io.Writer) {
	if p.active {
		p.hide(w)
		close(p.ticking)
		*p = progress{}
	}
}
