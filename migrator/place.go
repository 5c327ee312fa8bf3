package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// shared returns the files that records are about, by name or checksum, and those of them that may have been applied as they
// are now.
func shared(records []record, files []Migration) (applied, same []*Migration) {
	checksums := make(map[string]*Migration, len(files))
	for i := range files {
		if files[i].Up.hasStatement() { // those without are all alike
			checksums[files[i].Checksum()] = &files[i]
		}
	}
	for _, r := range records {
		m := checksums[r.checksum]
		if named := findMigration(files, r.version); named != nil {
			applied = append(applied, named)
			if r.checksum == "" || r.checksum == named.Checksum() {
				same = append(same, named)
			}
		} else if m != nil {
			applied, same = append(applied, m), append(same, m)
		}
	}
	return applied, same
}

// next is the history that the name leads to further on in the search_path where the first schema has none; nil for none.
func (h *history) next() *candidate {
	if h.exists || h.search == nil {
		return nil
	}
	for i := range h.search.Tables {
		if c := &h.search.Tables[i]; c.OID == h.server.Resolved && c.owner() == "" && c.table() != h.table {
			return c
		}
	}
	return nil
}

// sharedNext are the files that the next history has, those that are begun too.
func (h *history) sharedNext(files []Migration) []*Migration {
	applied, _ := shared(h.nextRecords, files)
	for _, p := range h.nextProgress {
		if m := findMigration(files, p.Version); m != nil && !slices.Contains(applied, m) {
			applied = append(applied, m)
		}
	}
	return applied
}

// follow takes the next history where the files that it records have made the first schema: a file creates a schema that is
// named as the role, or puts one before others. Where they have not, another tenant's history may be meant.
func (h *history) follow(files []Migration) error {
	next := h.next()
	if next == nil || !next.Readable {
		return nil
	}
	applied := h.sharedNext(files)
	if !made(applied, h.table.schema, h.server.User, next.Relations) {
		return nil
	}
	h.table = next.table()
	h.fill(h.nextRecords)
	return h.server.judgeTable(h.table, h.server.find(h.table))
}

// judgePlace refuses to apply files where they may have been applied already, or where others were; and to revert nothing
// where what is meant is elsewhere.
func (m *Migrator) judgePlace(h *history, target Target) error {
	if len(h.records) > 0 {
		if m.options.AllowUnrelated || target.first() == DirectionDown {
			return nil
		}
		return refuseUnrelated(h, m.migrations)
	}
	if !h.nextIsStrangers() {
		if err := h.judgeNext(m.migrations, target); err != nil {
			return err
		}
	}
	for _, ours := range []bool{true, false} { // what names the way out comes first
		for i := range h.finds {
			f := &h.finds[i]
			switch {
			case ours && f.tool == nil && !f.differs && !m.placeIsChosen(h, f):
				return f.refuse(h, target)
			case !ours && f.newest != "" && target.first() == DirectionUp:
				return f.refuseTool(h)
			}
		}
	}
	return nil
}

// nextIsStrangers reports whether the first schema is the role's own, while the next history is one that it may not read and
// does not own, and so has not written.
func (h *history) nextIsStrangers() bool {
	next := h.next()
	return next != nil && next.Denied && !next.Owned && h.table.schema == h.server.User
}

// judgeNext refuses to begin a history in front of another one, whether that has these files or others: a new tenant's, the
// wrong directory, or a schema that was made meanwhile.
func (h *history) judgeNext(files []Migration, target Target) error {
	next := h.next()
	if next == nil {
		return nil
	}
	begin := fmt.Sprintf("; to begin a history of its own in schema %s: --table %s (Config.Table)", h.table.schema, h.table)
	if target.first() == DirectionDown {
		begin = ""
	}
	if !next.Readable {
		return &HistoryError{
			Table: h.table.String(), Message: fmt.Sprintf("is not there, but %s is next on the search_path, and %s cannot read it", next.table(), h.server.User),
			Hint: fmt.Sprintf("to go on with that one: grant select on %s to %s%s", next.table().sql(), sqltext.Ident(h.server.User), begin),
		}
	}
	var records string
	switch applied := h.sharedNext(files); {
	case len(applied) > 0:
		records = namesOf(applied)
	case len(h.nextRecords) > 0:
		records = "other files: " + newestOf(versionsOf(h.nextRecords))
	default:
		return nil
	}
	return &HistoryError{
		Table: h.table.String(), Message: fmt.Sprintf("is not there, but %s is next on the search_path, and records %s", next.table(), records),
		Hint: fmt.Sprintf("to go on with that one: --table %s%s", next.table(), begin),
	}
}

// refuse is for files that this tool has applied elsewhere.
func (f *find) refuse(h *history, target Target) error {
	message := fmt.Sprintf("is empty, but %s records %s: ", f.table(), namesOf(f.shared))
	hint := fmt.Sprintf("if that is their history: --table %s (Config.Table)", f.table())
	if target.first() == DirectionDown {
		return &HistoryError{Table: h.table.String(), Message: message + "there is nothing to revert here", Hint: hint}
	}
	return &HistoryError{
		Table: h.table.String(), Message: message + "they would be applied again",
		Hint: fmt.Sprintf("%s; to apply them here too: --table %s", hint, h.table),
	}
}

// refuseTool is for what another tool has applied.
func (f *find) refuseTool(h *history) error {
	return &HistoryError{
		Table: h.table.String(), Message: fmt.Sprintf("is empty, but %s has applied migrations here: the newest that %s records is %s", f.tool.name, f.table(), f.newest),
		Hint: "record what is applied already as a baseline, or with mark applied; if those migrations have nothing to do with these files, allow it with --allow-other-tools (Config.AllowOtherTools)",
	}
}

// placeIsChosen reports whether somebody has chosen where the history is to be, as for a new tenant that has the same files.
// The server's, and the database's, search_path is everybody's. A schema that the files have made is not a new tenant's. A
// role whose own history is elsewhere is not a new tenant: its search_path has changed.
func (m *Migrator) placeIsChosen(h *history, f *find) bool {
	configured := m.table()
	switch {
	case configured.schema != "", m.options.Table != "" && f.Name != h.table.name:
		return true
	case mayHaveMade(f.shared, h.table.schema, h.server.User, f.Relations):
		return false
	case h.search.Source == "client", h.search.Source == "session":
		return true
	}
	byRole := h.table.schema == h.server.User || h.search.Source == "user" || h.search.Source == "database user"
	return byRole && !f.Owned
}

// placeWarnings say what a person should know of who starts a history where there are others.
func (h *history) placeWarnings() (warnings []string) {
	if next := h.next(); next != nil && next.Denied {
		warnings = append(warnings, fmt.Sprintf("%s is next on the search_path, and %s cannot read it; %s is a history of its own", next.table(), h.server.User, h.table))
	}
	for _, f := range h.finds {
		switch {
		case f.tool != nil:
			warnings = append(warnings, fmt.Sprintf("%s looks like the history of %s, and %s cannot read it: what that tool has applied may be applied again", f.table(), f.tool.name, h.server.User))
		default:
			warnings = append(warnings, fmt.Sprintf("%s records %s too; %s is a history of its own, and they are applied here as well", f.table(), namesOf(f.shared), h.table))
		}
	}
	return warnings
}

// namesOf names some of the files.
func namesOf(files []*Migration) string {
	const named = 3
	var versions []Version
	for _, m := range files[:min(named, len(files))] {
		versions = append(versions, m.Version)
	}
	if len(files) > named {
		return join(versions) + " and others of these files"
	}
	return join(versions)
}
