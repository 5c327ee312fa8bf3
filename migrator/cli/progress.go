package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

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
	s.progress.stop(s.err) // it was started before, and is tried again
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
		elapsed := fmt.Sprintf(" %.1fs", time.Since(p.began).Seconds())
		fmt.Fprint(w, eraseLine+ansi.Truncate(p.text, width(w)-len(elapsed)-1, "…")+elapsed)
	}
}

// width is that of the terminal: a line that is longer takes two rows, of which only the last can be erased.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
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
