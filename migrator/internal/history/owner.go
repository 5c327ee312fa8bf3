package history

import (
	_ "embed"
	"fmt"
)

// OwnerSQL is a query for what a write to a table runs and a role controls that is not trusted. See owner.sql for its placeholders.
//
//go:embed owner.sql
var OwnerSQL string

// The columns that we fill, as SQL arrays: their defaults do not run.
const (
	Columns         = "array['version', 'applied_at', 'checksum']"
	ProgressColumns = "array['version', 'direction', 'done', 'hashes', 'started', 'scope', 'spared', 'session']"
)

// TrustedOwner is a condition for an owner that gains nothing by code that a superuser runs: a superuser, the owner of the database
// or of the schema, or a member of these roles.
func TrustedOwner(owner, schemaOwner string) string {
	return fmt.Sprintf(`exists (
      select from pg_catalog.pg_roles p
      where (p.rolsuper or p.oid operator(pg_catalog.=) %[2]s
          or p.oid operator(pg_catalog.=) (select d.datdba from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database()))
        and pg_catalog.pg_has_role(%[1]s, p.oid, 'MEMBER'))`, owner, schemaOwner)
}
