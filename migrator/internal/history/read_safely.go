package history

// A stranger may have created the table that we read. A read of a plain table runs nobody's code. So TABLESAMPLE makes
// PostgreSQL refuse a view, and row_security = off makes it refuse a policy. The queries apply no functions to columns, because
// that would run casts of their types.

// ReadSafely is the setting for such a read. It applies to the rest of its message.
const ReadSafely = "set local row_security = off;\n"

// Rows returns the table for a FROM clause, without its partitions and the tables that inherit from it. Those may be foreign
// tables.
func (t Table) Rows() string { return "only " + t.AllRows() }

// AllRows is Rows with the tables below it. The caller must have checked their kinds.
func (t Table) AllRows() string { return t.SQL() + " tablesample pg_catalog.system (100)" }
