package printable

import (
	"fmt"
	"strings"
)

// List names the first few names and counts the others: "a, b and c", or "a, b, c and 2 more". names must not be empty.
func List(names []string) string {
	const shown = 3
	last := len(names) - 1
	switch {
	case last == 0:
		return names[0]
	case len(names) > shown+1:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
