package cli

import "time"

// notAtAll is what a Config takes for no time at all: its 0 is the default.
const notAtAll time.Duration = -1

// patience is a flag for a time of a Config. What is typed as 0 means not at all.
type patience struct{ of *time.Duration }

func (p patience) Set(text string) error {
	d, err := time.ParseDuration(text)
	if d == 0 {
		d = notAtAll
	}
	*p.of = d
	return err
}

func (p patience) String() string {
	switch *p.of {
	case 0:
		return ""
	case notAtAll:
		return "0s"
	}
	return p.of.String()
}

// Type is that of a time, as help and what judges flags know it.
func (patience) Type() string { return "duration" }
