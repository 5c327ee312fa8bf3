package history

import (
	_ "embed"
	"strconv"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

//go:embed progress.sql
var progressSQL string

// progressSuffix is appended to the name of the history table to name the progress table.
const progressSuffix = "_progress"

// Progress is the record of an unfinished no-transaction file.
type Progress struct {
	Version   string
	Direction string   // up or down
	Done      int      // how many statements have run
	Hashes    []string // of these statements
	Started   string   // the text of the next statement, if it was begun outside a transaction
	Old       bool     // the table was created by an older version
}

// ProgressQuery returns a query for the rows that ParseProgress reads.
func (t Table) ProgressQuery() string {
	return ReadSafely + "select version, direction, done, hashes, started from " + t.Progress().Rows()
}

// ParseProgress reads a row of ProgressQuery. It fails if the count of statements is not a number.
func ParseProgress(row []string) (Progress, error) {
	done, err := strconv.Atoi(row[2])
	p := Progress{Version: row[0], Direction: row[1], Done: done, Started: row[4]}
	if hashes := strings.Trim(row[3], "{}"); hashes != "" {
		p.Hashes = strings.Split(hashes, ",")
	}
	return p, err
}

// ProgressDDL returns the statement that creates the progress table, unless it exists.
func (t Table) ProgressDDL() string {
	return strings.TrimSpace(strings.Replace(sqltext.WithoutComments(progressSQL), DefaultTable+progressSuffix, t.Progress().SQL(), 1))
}
