package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// refusePublished refuses to create the progress table if a publication would contain it. A subscriber without that table stops
// at its first row.
func (m *Migrator) refusePublished(h *history.History, moves []Move, files []*sqlfile.File) error {
	i := slices.IndexFunc(files, func(file *sqlfile.File) bool { return file.Separate != nil })
	if i < 0 || h.Server.Published == "" || h.Server.Find(h.Table.Progress()) != nil {
		return nil
	}
	return &HistoryError{
		Table: h.Table.Progress().String(),
		Message: fmt.Sprintf("%s runs without a transaction and needs this table, but publication %q would contain it, and a subscriber that does not have it stops",
			moves[i].script().Path, h.Server.Published),
		Hint: "make it by hand, on each subscriber first and then here (here alone where none of them is a PostgreSQL), and run again; one that was made by hand is used and stays:\n" +
			h.Table.ProgressDDL() + ";",
	}
}
