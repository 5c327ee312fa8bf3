package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// Rules of the terminal: results go to out, everything else to err. Colours and the line of progress appear where the
// stream is a terminal, and nowhere else; a pipe gets plain lines. Messages start in lower case and have no full stop.
type screen struct {
	out, err       io.Writer
	outTTY, errTTY bool
	verbose, quiet bool

	good, bad, warm, dim lipgloss.Style

	mu       sync.Mutex
	progress progress
	lost     error // why a result could not be written
}

func newScreen(out, err io.Writer, noColor, verbose bool) *screen {
	if o, ok := out.(output); ok {
		out = o.Writer
	}
	s := &screen{out: output{out}, err: err, outTTY: isTerminal(out), errTTY: isTerminal(err), verbose: verbose}
	renderer := lipgloss.NewRenderer(out)
	if noColor || os.Getenv("NO_COLOR") != "" || !s.outTTY {
		renderer.SetColorProfile(termenv.Ascii)
	}
	style := renderer.NewStyle().TabWidth(lipgloss.NoTabConversion)
	s.good = style.Foreground(lipgloss.Color("2"))
	s.bad = style.Foreground(lipgloss.Color("1"))
	s.warm = style.Foreground(lipgloss.Color("3"))
	s.dim = style.Faint(true)
	return s
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// note prints what a person may want to know while waiting.
func (s *screen) note(format string, args ...any) {
	if !s.quiet {
		s.say(paint(s.dim, fmt.Sprintf(format, args...)))
	}
}

// paint shows a text in a colour. Each line has it for itself: lipgloss would make them all as wide as the widest.
func paint(style lipgloss.Style, text string) string {
	lines := strings.Split(printable.Text(text), "\n")
	for i, line := range lines {
		lines[i] = style.Render(line)
	}
	return strings.Join(lines, "\n")
}

func (s *screen) warn(format string, args ...any) {
	s.say(paint(s.warm, "warning: "+printable.Indented(fmt.Sprintf(format, args...))))
}

// say prints what paint has made to err, above the line of progress.
func (s *screen) say(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress.hide(s.err)
	fmt.Fprintln(s.err, line)
	s.progress.show(s.err)
}

// result prints a line to out.
func (s *screen) result(text string) { s.line(printable.Text(text)) }

// marked prints a line to out that begins with a mark.
func (s *screen) marked(style lipgloss.Style, mark, text string) {
	s.line(style.Render(mark) + " " + printable.Text(text))
}

func (s *screen) line(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress.hide(s.err)
	if _, err := fmt.Fprintln(s.out, line); err != nil && s.lost == nil {
		s.lost = err
	}
	s.progress.show(s.err)
}

// clear ends the line of progress.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress.stop(s.err)
}

// observe prints the events of a run.
func (s *screen) observe(e migrator.Event) {
	switch e.Kind {
	case migrator.EventPlanned:
		if e.Total == 0 && !s.quiet {
			s.result(e.String())
		}
	case migrator.EventStarted:
		s.begin(e)
	case migrator.EventStatement:
		if s.verbose || s.errTTY {
			s.say(paint(s.dim, e.String()))
		}
	case migrator.EventFinished:
		s.end()
		if !s.quiet {
			s.line(s.good.Render("✓") + fmt.Sprintf(" %s %s", done(e.Direction), e.Version) + s.took(e.Elapsed))
		}
	case migrator.EventFailed:
		s.end()
	case migrator.EventRecorded:
		if !s.quiet {
			s.recorded(e.Change)
		}
	case migrator.EventDone:
		if !s.quiet {
			s.result(e.String())
		}
	case migrator.EventWarning:
		s.warn("%s", e.Message)
	case migrator.EventNotice:
		if s.verbose || !strings.HasPrefix(e.Message, "NOTICE") {
			s.say(paint(s.dim, fmt.Sprintf("%s: %s", e.Version, printable.Indented(e.Message))))
		}
	case migrator.EventWaiting:
		switch {
		case e.Err != nil && e.Elapsed > 0:
			s.busy(e.Err.Error(), "", e)
			return
		case e.Err != nil:
			s.note("%s, waiting", reason(e))
			return
		}
		s.busy("another run is migrating, waiting", "held by", e)
	case migrator.EventBlocked:
		s.busy(fmt.Sprintf("%s waits for a lock", e.Version), "blocked by", e)
	case migrator.EventRetrying:
		s.say(paint(s.warm, fmt.Sprintf("%s again in %s: %s", retried(e), e.Pause.Round(time.Millisecond), reason(e))))
		s.backends("blocked by", e)
	case migrator.EventReconnecting:
		s.say(paint(s.warm, fmt.Sprintf("no connection to the database, trying again in %s: %s", e.Pause.Round(time.Millisecond), reason(e))))
	}
}

func reason(e migrator.Event) string { return printable.Indented(e.Err.Error()) }

// recorded prints a row that was written, and what it was before where that is not plain from the rest.
func (s *screen) recorded(c *migrator.Change) {
	s.marked(s.good, "✓", "Recorded "+c.String())
	if c.Before != nil && c.After != nil && c.Before.Version == c.After.Version && c.Before.Unfinished == nil {
		s.result("  before: " + printable.Line(c.Before.Checksum))
		s.result("  after:  " + printable.Line(c.After.Checksum))
	}
}

// retried says what is tried again: of a file without a transaction it is one statement.
func retried(e migrator.Event) string {
	switch {
	case e.Version == "":
		return "rolled back, trying"
	case e.Statements > 0:
		return fmt.Sprintf("statement %d of %d of %s is tried", e.Statement, e.Statements, e.Version)
	}
	return fmt.Sprintf("%s was rolled back and is tried", e.Version)
}

func (s *screen) busy(what, by string, e migrator.Event) {
	if e.Elapsed > 0 {
		what += fmt.Sprintf(" (%s)", e.Elapsed.Round(100*time.Millisecond))
	}
	s.say(paint(s.warm, what))
	s.backends(by, e)
}

func (s *screen) backends(by string, e migrator.Event) {
	for _, backend := range e.Backends {
		s.say(paint(s.warm, "  "+by+" "+backend.String()))
	}
}

func (s *screen) took(d time.Duration) string {
	if d <= 0 || (!s.outTTY && !s.verbose) { // 0 is not known
		return ""
	}
	return s.dim.Render(fmt.Sprintf(" (%s)", d.Round(100*time.Microsecond)))
}

func done(d migrator.Direction) string {
	if d == migrator.DirectionDown {
		return "Reverted"
	}
	return "Applied"
}

// report prints the error of a command, and for wrong usage where to read on.
func report(cmd *cobra.Command, err error) {
	if code := ExitCode(err); code == ExitDone || code == ExitPending {
		return
	}
	noColor, _ := cmd.Flags().GetBool("no-color") // without it there is colour
	s := newScreen(cmd.ErrOrStderr(), cmd.ErrOrStderr(), noColor, false)
	fmt.Fprintln(s.err, s.bad.Render("error:")+" "+printable.Text(err.Error()))
	if ExitCode(err) == ExitUsage {
		fmt.Fprintln(s.err, "see "+cmd.CommandPath()+" --help")
	}
}
