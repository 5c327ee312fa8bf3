package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// Unfinished says how far an unfinished no-transaction file has come.
type Unfinished struct {
	Direction Direction `json:"direction"`
	Done      int       `json:"done"`              // number of its statements that have run
	Started   bool      `json:"started,omitempty"` // the next one was begun outside a transaction, and its end is not recorded
}

// String describes it for people.
func (u Unfinished) String() string {
	text := fmt.Sprintf("statements 1–%d are applied", u.Done)
	switch u.Done {
	case 0:
		text = "none of its statements is applied"
	case 1:
		text = "statement 1 is applied"
	}
	switch {
	case u.Started && u.Done == 0: // it may have done something
		return "statement 1 was begun and its end is not recorded"
	case u.Started:
		text += fmt.Sprintf(", statement %d was begun and its end is not recorded", u.Done+1)
	}
	return text
}

// markUnfinished adds to statuses how far unfinished files have come. A version without a file keeps its state: either a newer
// program is working on it, or the file was deleted.
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
