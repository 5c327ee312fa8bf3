package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// Unfinished says how far a no-transaction file has come that was begun and is not done.
type Unfinished struct {
	Direction Direction `json:"direction"`
	Done      int       `json:"done"`              // statements of the file that have run
	Started   bool      `json:"started,omitempty"` // the one after them was begun outside a transaction, and its end is not recorded
}

// String says it for a person.
func (u Unfinished) String() string {
	text := fmt.Sprintf("statements 1–%d are applied", u.Done)
	switch u.Done {
	case 0:
		text = "none of its statements is applied"
	case 1:
		text = "statement 1 is applied"
	}
	switch {
	case u.Started && u.Done == 0: // and may have done something
		return "statement 1 was begun and its end is not recorded"
	case u.Started:
		text += fmt.Sprintf(", statement %d was begun and its end is not recorded", u.Done+1)
	}
	return text
}

// markUnfinished marks in statuses what was begun and is not done. What there is no file for keeps its state: a newer
// program is at work on it, or the file was taken away.
func markUnfinished(statuses []Status, unfinished []history.Progress, migrations []Migration) []Status {
	for j := range unfinished {
		p := &unfinished[j]
		u := unfinishedOf(p)
		i := slices.IndexFunc(statuses, func(s Status) bool { return string(s.Version) == p.Version })
		if i < 0 {
			s := Status{Version: Version(p.Version), State: StateMissing}
			if newer(Version(p.Version), migrations) {
				s.State = StateNewer
			}
			i = len(statuses)
			statuses = append(statuses, s)
		}
		statuses[i].Unfinished = &u
		if statuses[i].Checksum != "" {
			statuses[i].State = StateUnfinished
		}
	}
	if len(unfinished) > 0 {
		slices.SortFunc(statuses, func(a, b Status) int { return a.Version.Compare(b.Version) })
	}
	return statuses
}
