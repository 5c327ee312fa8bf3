package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// printStatus prints aligned columns to a terminal, and lines of three fields with tabs between them to a pipe.
func (s *screen) printStatus(statuses []migrator.Status) error {
	width := len("VERSION")
	for _, status := range statuses {
		width = max(width, lipgloss.Width(status.Version.String()))
	}
	if s.outTTY {
		if _, err := fmt.Fprintln(s.out, s.dim.Render(pad("VERSION", width)+"  "+pad("STATE", 12)+"  APPLIED AT (UTC)")); err != nil {
			return err
		}
	}
	for _, status := range statuses {
		remark := when(status.AppliedAt)
		if status.Unfinished != nil {
			remark = fmt.Sprintf("%s: %s", status.Unfinished.Direction, status.Unfinished)
		}
		line := fmt.Sprintf("%s\t%s\t%s", status.Version, status.State, remark)
		if s.outTTY {
			line = pad(status.Version.String(), width) + "  " + s.state(status.State).Render(pad(string(status.State), 12)) + "  " + remark
		}
		if _, err := fmt.Fprintln(s.out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	s.note("%s", summary(statuses))
	return nil
}

// summary counts as pending what --json and --exit-code do.
func summary(statuses []migrator.Status) string {
	count, pending := map[migrator.State]int{}, map[migrator.State]int{}
	all := 0
	for _, status := range statuses {
		if status.Pending() {
			pending[status.State]++
			all++
		} else {
			count[status.State]++
		}
	}
	text := fmt.Sprintf("%d applied, %d pending", count[migrator.StateApplied], all)
	var kinds []string
	for _, state := range []migrator.State{migrator.StateOutOfOrder, migrator.StateOutdated, migrator.StateUnfinished} {
		if pending[state] > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", pending[state], state))
		}
	}
	if len(kinds) > 0 {
		text += " (" + strings.Join(kinds, ", ") + ")"
	}
	for _, state := range []migrator.State{migrator.StateUnfinished, migrator.StateChanged, migrator.StateRenamed, migrator.StateMissing, migrator.StateNewer} {
		if count[state] > 0 {
			text += fmt.Sprintf(", %d %s", count[state], state)
		}
	}
	return text
}

func (s *screen) state(state migrator.State) lipgloss.Style {
	switch state {
	case migrator.StateApplied:
		return s.good
	case migrator.StateChanged, migrator.StateRenamed, migrator.StateMissing:
		return s.bad
	case migrator.StatePending, migrator.StateOutOfOrder, migrator.StateOutdated, migrator.StateUnfinished:
		return s.warm
	case migrator.StateNewer:
	}
	return s.dim
}

// printPlan prints what would be done up to a version; "" is all.
func (s *screen) printPlan(plan *migrator.Plan, to string) error {
	for _, warning := range plan.Warnings {
		s.warn("%s", warning)
	}
	if len(plan.Moves) == 0 {
		text := "No pending migrations"
		if to != "" {
			text += " up to " + to
		}
		_, err := fmt.Fprintln(s.out, printable.Line(text))
		return err
	}
	for _, move := range plan.Moves {
		if _, err := fmt.Fprintf(s.out, "%s %s\n", verb(move.Direction), move.Migration.Version); err != nil {
			return err
		}
	}
	return nil
}

func (s *screen) printVersion(program string, v versionJSON) error {
	line := program + " " + v.Version
	if v.Revision != "" && !strings.Contains(v.Version, v.Revision[:min(12, len(v.Revision))]) {
		line += " (" + v.Revision + ")"
	}
	line += ", " + v.Go
	if v.Newest != "" {
		line += fmt.Sprintf("\n%d migrations, the newest is %s", v.Migrations, v.Newest)
	}
	_, err := fmt.Fprintln(s.out, line)
	return err
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04:05")
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-lipgloss.Width(text)))
}
