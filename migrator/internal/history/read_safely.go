package history

// A stranger may have created the table that we read. Reading a plain table runs nobody's code. PostgreSQL refuses TABLESAMPLE on
// a view, and a policy where row_security is off. Columns are read without functions, which would call the casts of their types.

// ReadSafely is the setting for such a read. It holds for the message that it is part of.
const ReadSafely = "set local row_security = off;\n"

// Rows is the table for a FROM clause, without partitions and tables that inherit from it: those may be foreign tables.
func (t Table) Rows() string { return "only " + t.AllRows() }

// AllRows is Rows with the tables below it, whose kinds the caller has checked.
func (t Table) AllRows() string { return t.SQL() + " tablesample pg_catalog.system (100)" }
