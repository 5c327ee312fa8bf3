package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// shared returns the files that records are about, by name or checksum. same are those that may have been applied with their
// present text.
func shared(records []history.Record, files []Migration) (applied, same []*Migration) {
	checksums := make(map[string]*Migration, len(files))
	for i := range files {
		if sqlfile.HasStatement(files[i].Up.SQL) { // files without a statement are all alike
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

// sharedNext returns the files that the next history on the search_path has, including unfinished ones.
func sharedNext(h *history.History, files []Migration) []*Migration {
	applied, _ := shared(h.NextRecords, files)
	for _, p := range h.NextProgress {
		if m := findMigration(files, Version(p.Version)); m != nil && !slices.Contains(applied, m) {
			applied = append(applied, m)
		}
	}
	return applied
}

// followNext uses the next history if the files that it records have created the first schema: a file may create a schema named
// as the role, or put another schema first. Otherwise the first schema may be meant for another tenant's history.
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

// validatePlace refuses to apply files that may have been applied elsewhere, or on top of another tool's migrations. It also
// refuses a revert that would do nothing because the history is elsewhere.
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
	for _, ours := range []bool{true, false} { // first the error that names the way out
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

// nextIsStrangers reports whether the first schema is the role's own, and the role neither can read the next history nor owns it,
// so it has not written to it.
func nextIsStrangers(h *history.History) bool {
	next := h.Next()
	return next != nil && next.Denied && !next.Owned && h.Table.Schema == h.Server.User
}

// validateNext refuses to begin a history in front of another one, whether that has these files or others. It may be a new tenant,
// the wrong directory, or a schema that was created in the meantime.
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

// refuseFind returns the error for files that this tool has applied elsewhere.
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

// refuseTool returns the error for migrations that another tool has applied.
func refuseTool(f *history.Find, h *history.History) error {
	return &HistoryError{
		Table: h.Table.String(), Message: fmt.Sprintf("is empty, but %s has applied migrations here: the newest that %s records is %s", f.Tool.Name, f.Table(), f.Newest),
		Hint: "record what is applied already as a baseline, or with mark applied; if those migrations have nothing to do with these files, allow it with --allow-other-tools (Config.AllowOtherTools)",
	}
}

// placeIsChosen reports whether the place of the history was chosen on purpose, for example for a new tenant that has the same
// files. The search_path of the server or the database applies to everyone, so it is not a choice. Neither is a schema that the
// files themselves have created. A role that owns the other history is not a new tenant: its search_path has changed.
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

// placeWarnings returns the warnings about other histories for a run that starts a new one.
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

// textsOf returns the texts of files, in the order of their versions.
func textsOf(files []*Migration) (texts []string) {
	for _, m := range slices.SortedFunc(slices.Values(files), func(a, b *Migration) int { return a.Version.Compare(b.Version) }) {
		texts = append(texts, m.Up.SQL)
	}
	return texts
}

// sharedFiles returns the files that another history records with their present text.
func (m *Migrator) sharedFiles(f *history.Find) (files []*Migration) {
	for _, version := range f.Shared {
		files = append(files, findMigration(m.migrations, Version(version)))
	}
	return files
}

// namesOf returns the names of the first few files.
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
