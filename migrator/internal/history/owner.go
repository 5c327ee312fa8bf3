package history

import (
	_ "embed"
	"fmt"
)

// OwnerSQL is a query for code that a write to a table would run and that belongs to a role that is not trusted. See owner.sql
// for its placeholders.
//
//go:embed owner.sql
var OwnerSQL string

// The columns that we fill, as SQL arrays. Their defaults do not run.
const (
	// Columns are those of the history table.
	Columns = "array['version', 'applied_at', 'checksum']"
	// ProgressColumns are those of the progress table.
	ProgressColumns = "array['version', 'direction', 'done', 'hashes', 'started', 'scope', 'spared', 'session']"
)

// TrustedOwner returns an SQL condition for an owner who gains nothing if a superuser runs his code: a superuser, the owner of
// the database or of the schema, or a member of one of these roles.
func TrustedOwner(owner, schemaOwner string) string {
	return fmt.Sprintf(`exists (
      select from pg_catalog.pg_roles p
      where (p.rolsuper or p.oid operator(pg_catalog.=) %[2]s
          or p.oid operator(pg_catalog.=) (select d.datdba from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database()))
        and pg_catalog.pg_has_role(%[1]s, p.oid, 'MEMBER'))`, owner, schemaOwner)
}
