package migrator

// How the rows of a table are read that a stranger may have made. That runs nobody's code where it is a table: a view is
// refused by TABLESAMPLE (here of all rows), and a policy by row_security. Columns are read as they are, since a function of
// them would call the casts of their types.

// readSafely holds for the message that it is part of.
const readSafely = "set local row_security = off;\n"

// rows is what stands after FROM. The rows of partitions and of tables that inherit from it are left out: those may be
// foreign tables.
func (t table) rows() string { return "only " + t.allRows() }

// allRows is rows with those of the tables below it, which must have been looked at.
func (t table) allRows() string { return t.sql() + " tablesample pg_catalog.system (100)" }
