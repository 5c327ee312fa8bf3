package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// shared returns the files that records are about, by name or checksum, and those of them that may have been applied as they
// are now.
func shared(records []history.Record, files []Migration) (applied, same []*Migration) {
	checksums := make(map[string]*Migration, len(files))
	for i := range files {
		if sqlfile.HasStatement(files[i].Up.SQL) { // those without are all alike
			checksums[files[i].Checksum()] = &files[i]
		}
	}
	for _, r := range records {
		m := checksums[r.Checksum]
		if named := findMigration(files, Version(r.Version)); named != nil {
			applied = append(applied, named)
			if r.Checksum == "" || r.Checksum == named.Checksum() {
				same = append(same, named)
			}
		} else if m != nil {
			applied, same = append(applied, m), append(same, m)
		}
	}
	return applied, same
}

// sharedNext are the files that the next history has, those that are begun too.
func sharedNext(h *history.History, files []Migration) []*Migration {
	applied, _ := shared(h.NextRecords, files)
	for _, p := range h.NextProgress {
		if m := findMigration(files, Version(p.Version)); m != nil && !slices.Contains(applied, m) {
			applied = append(applied, m)
		}
	}
	return applied
}

// follow takes the next history where the files that it records have made the first schema: a file creates a schema that is
// named as the role, or puts one before others. Where they have not, another tenant's history may be meant.
func followNext(h *history.History, files []Migration) error {
	next := h.Next()
	if next == nil || !next.Readable {
		return nil
	}
	applied := sharedNext(h, files)
	if !sqlfile.HaveMade(textsOf(applied), h.Table.Schema, h.Server.User, next.Relations) {
		return nil
	}
	h.Table = next.Table()
	h.Fill(h.NextRecords)
	return validateTable(&h.Server, h.Table, h.Server.Find(h.Table))
}

// validatePlace refuses to apply files where they may have been applied already, or where others were; and to revert nothing
// where what is meant is elsewhere.
func (m *Migrator) validatePlace(h *history.History, target Target) error {
	if len(h.Records) > 0 {
		if m.options.AllowUnrelated || target.first() == DirectionDown {
			return nil
		}
		return refuseUnrelated(h, m.migrations)
	}
	if !nextIsStrangers(h) {
		if err := validateNext(h, m.migrations, target); err != nil {
			return err
		}
	}
	for _, ours := range []bool{true, false} { // what names the way out comes first
		for i := range h.Finds {
			f := &h.Finds[i]
			switch {
			case ours && f.Tool == nil && !f.Differs && !m.placeIsChosen(h, f):
				return m.refuseFind(f, h, target)
			case !ours && f.Newest != "" && target.first() == DirectionUp:
				return refuseTool(f, h)
			}
		}
	}
	return nil
}

// nextIsStrangers reports whether the first schema is the role's own, while the next history is one that it may not read and
// does not own, and so has not written.
func nextIsStrangers(h *history.History) bool {
	next := h.Next()
	return next != nil && next.Denied && !next.Owned && h.Table.Schema == h.Server.User
}

// judgeNext refuses to begin a history in front of another one, whether that has these files or others: a new tenant's, the
// wrong directory, or a schema that was made meanwhile.
func validateNext(h *history.History, files []Migration, target Target) error {
	next := h.Next()
	if next == nil {
		return nil
	}
	begin := fmt.Sprintf("; to begin a history of its own in schema %s: --table %s (Config.Table)", h.Table.Schema, h.Table)
	if target.first() == DirectionDown {
		begin = ""
	}
	if !next.Readable {
		return &HistoryError{
			Table: h.Table.String(), Message: fmt.Sprintf("is not there, but %s is next on the search_path, and %s cannot read it", next.Table(), h.Server.User),
			Hint: fmt.Sprintf("to go on with that one: grant select on %s to %s%s", next.Table().SQL(), sqltext.Ident(h.Server.User), begin),
		}
	}
	var records string
	switch applied := sharedNext(h, files); {
	case len(applied) > 0:
		records = namesOf(applied)
	case len(h.NextRecords) > 0:
		records = "other files: " + newestOf(versionsOf(h.NextRecords))
	default:
		return nil
	}
	return &HistoryError{
		Table: h.Table.String(), Message: fmt.Sprintf("is not there, but %s is next on the search_path, and records %s", next.Table(), records),
		Hint: fmt.Sprintf("to go on with that one: --table %s%s", next.Table(), begin),
	}
}

// refuse is for files that this tool has applied elsewhere.
func (m *Migrator) refuseFind(f *history.Find, h *history.History, target Target) error {
	message := fmt.Sprintf("is empty, but %s records %s: ", f.Table(), namesOf(m.sharedFiles(f)))
	hint := fmt.Sprintf("if that is their history: --table %s (Config.Table)", f.Table())
	if target.first() == DirectionDown {
		return &HistoryError{Table: h.Table.String(), Message: message + "there is nothing to revert here", Hint: hint}
	}
	return &HistoryError{
		Table: h.Table.String(), Message: message + "they would be applied again",
		Hint: fmt.Sprintf("%s; to apply them here too: --table %s", hint, h.Table),
	}
}

// refuseTool is for what another tool has applied.
func refuseTool(f *history.Find, h *history.History) error {
	return &HistoryError{
		Table: h.Table.String(), Message: fmt.Sprintf("is empty, but %s has applied migrations here: the newest that %s records is %s", f.Tool.Name, f.Table(), f.Newest),
		Hint: "record what is applied already as a baseline, or with mark applied; if those migrations have nothing to do with these files, allow it with --allow-other-tools (Config.AllowOtherTools)",
	}
}

// placeIsChosen reports whether somebody has chosen where the history is to be, as for a new tenant that has the same files.
// The server's, and the database's, search_path is everybody's. A schema that the files have made is not a new tenant's. A
// role whose own history is elsewhere is not a new tenant: its search_path has changed.
func (m *Migrator) placeIsChosen(h *history.History, f *history.Find) bool {
	configured := m.table()
	switch {
	case configured.Schema != "", m.options.Table != "" && f.Name != h.Table.Name:
		return true
	case sqlfile.MayHaveMade(textsOf(m.sharedFiles(f)), h.Table.Schema, h.Server.User, f.Relations):
		return false
	case h.Search.Source == "client", h.Search.Source == "session":
		return true
	}
	byRole := h.Table.Schema == h.Server.User || h.Search.Source == "user" || h.Search.Source == "database user"
	return byRole && !f.Owned
}

// placeWarnings say what a person should know of who starts a history where there are others.
func (m *Migrator) placeWarnings(h *history.History) (warnings []string) {
	if next := h.Next(); next != nil && next.Denied {
		warnings = append(warnings, fmt.Sprintf("%s is next on the search_path, and %s cannot read it; %s is a history of its own", next.Table(), h.Server.User, h.Table))
	}
	for i := range h.Finds {
		f := &h.Finds[i]
		switch {
		case f.Tool != nil:
			warnings = append(warnings, fmt.Sprintf("%s looks like the history of %s, and %s cannot read it: what that tool has applied may be applied again", f.Table(), f.Tool.Name, h.Server.User))
		default:
			warnings = append(warnings, fmt.Sprintf("%s records %s too; %s is a history of its own, and they are applied here as well", f.Table(), namesOf(m.sharedFiles(f)), h.Table))
		}
	}
	return warnings
}

// textsOf are the texts of files, in the order of their versions.
func textsOf(files []*Migration) (texts []string) {
	for _, m := range slices.SortedFunc(slices.Values(files), func(a, b *Migration) int { return a.Version.Compare(b.Version) }) {
		texts = append(texts, m.Up.SQL)
	}
	return texts
}

// sharedFiles are the files that a history elsewhere records as they are here.
func (m *Migrator) sharedFiles(f *history.Find) (files []*Migration) {
	for _, version := range f.Shared {
		files = append(files, findMigration(m.migrations, Version(version)))
	}
	return files
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
