package check

import (
	"cmp"
	"slices"
	"strings"
)

// Difference is an object that is not what it was. A part that came or went with a whole of which that is told, such as the
// columns of a table, is not told itself.
type Difference struct {
	Object string `json:"object"`           // such as "index public.users_email"
	Before string `json:"before,omitempty"` // what it was, as SQL or near to it; "": it was not there
	After  string `json:"after,omitempty"`  // what it is instead; "": it is gone
}

// orderOfColumns begins the name of what columns.sql says of their order.
const orderOfColumns = "order of columns of "

// compare returns what differs, in the order of kinds.
func compare(before, after catalog) []Difference {
	var names []string
	for name, o := range before {
		if after[name].definition != o.definition {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	of := func(name string) object {
		if o, ok := before[name]; ok {
			return o
		}
		return after[name]
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(of(a).kind, of(b).kind), strings.Compare(a, b)) })
	var differences []Difference
	for _, name := range names {
		_, had := before[of(name).whole]
		_, has := after[of(name).whole]
		d := Difference{Object: name, Before: before[name].definition, After: after[name].definition}
		if had == has && !d.otherColumns() {
			differences = append(differences, d)
		}
	}
	return differences
}

// otherColumns reports whether it is about the order of columns that are not the same ones: that is told of them.
func (d Difference) otherColumns() bool {
	if !strings.HasPrefix(d.Object, orderOfColumns) {
		return false
	}
	before, after := strings.Split(d.Before, ", "), strings.Split(d.After, ", ")
	slices.Sort(before)
	slices.Sort(after)
	return !slices.Equal(before, after)
}
