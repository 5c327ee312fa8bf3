package history

import (
	_ "embed"
	"strconv"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

//go:embed progress.sql
var progressSQL string

// progressSuffix makes the progress table's name of the history's.
const progressSuffix = "_progress"

// Progress is the record of a no-transaction file that is begun and not done.
type Progress struct {
	Version   string
	Direction string   // up or down
	Done      int      // statements that have run
	Hashes    []string // of these statements
	Started   string   // the text of the next statement, if it was begun outside a transaction
	Old       bool     // the table was created by an older version
}

// ProgressQuery reads the rows for ParseProgress.
func (t Table) ProgressQuery() string {
	return ReadSafely + "select version, direction, done, hashes, started from " + t.Progress().Rows()
}

// ParseProgress reads a row of ProgressQuery.
func ParseProgress(row []string) (Progress, error) {
	done, err := strconv.Atoi(row[2])
	p := Progress{Version: row[0], Direction: row[1], Done: done, Started: row[4]}
	if hashes := strings.Trim(row[3], "{}"); hashes != "" {
		p.Hashes = strings.Split(hashes, ",")
	}
	return p, err
}

// ProgressDDL creates the progress table.
func (t Table) ProgressDDL() string {
	return strings.TrimSpace(strings.Replace(sqltext.WithoutComments(progressSQL), DefaultTable+progressSuffix, t.Progress().SQL(), 1))
}
