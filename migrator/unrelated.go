package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// An UnrelatedError means that something is pending, but that none of the recorded versions is among the files, by name or by
// checksum. Nothing has run. Config.AllowUnrelated allows it.
type UnrelatedError struct {
	Table    string    // the history table, schema-qualified
	Recorded []Version // the recorded versions, in order
	Files    []Version // the versions of the files, in order
}

func (e *UnrelatedError) Error() string {
	return fmt.Sprintf("history table %s has nothing to do with these files: none of what it records is among them, by name or checksum\n"+
		"  recorded: %s\n  files:    %s\n"+
		"HINT: is this the wrong database, or the wrong directory? give each service that shares the database a history of its own (--table, Config.Table); "+
		"if they share this one on purpose, or if these files replace those recorded, allow it with --allow-unrelated (Config.AllowUnrelated)",
		e.Table, newestOf(e.Recorded), newestOf(e.Files))
}

// newestOf returns the names of the last three versions.
func newestOf(versions []Version) string {
	const named = 3
	if more := len(versions) - named; more > 0 {
		return fmt.Sprintf("%s (the newest of %d)", join(versions[more:]), len(versions))
	}
	return join(versions)
}

// refuseUnrelated refuses to apply files on top of the work of other files.
func refuseUnrelated(h *history.History, migrations []Migration) error {
	if len(h.Records) == 0 || related(h, migrations) {
		return nil
	}
	e := &UnrelatedError{Table: h.Table.String(), Recorded: versionsOf(h.Records)}
	for _, m := range migrations {
		e.Files = append(e.Files, m.Version)
	}
	return e
}

// versionsOf returns the versions of records, in order.
func versionsOf(records []history.Record) (versions []Version) {
	for _, r := range records {
		versions = append(versions, Version(r.Version))
	}
	slices.SortFunc(versions, Version.Compare)
	return versions
}

// related reports whether any applied or unfinished version is among the files. The checksums of files without a statement say
// nothing, because such files are all alike.
func related(h *history.History, migrations []Migration) bool {
	checksums := make(map[string]bool, len(migrations))
	for i := range migrations {
		m := &migrations[i]
		if h.Has(string(m.Version)) || h.ProgressOf(string(m.Version)) != nil {
			return true
		}
		if sqlfile.HasStatement(m.Up.SQL) {
			checksums[m.Checksum()] = true
		}
	}
	return slices.ContainsFunc(h.Records, func(r history.Record) bool { return checksums[r.Checksum] })
}
