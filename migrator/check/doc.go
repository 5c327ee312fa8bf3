// Package check proves migrations on a scratch database: one of its own, made for the purpose and dropped afterwards.
//
// Downs tries the down files. Each migration is applied, reverted and applied again, and the catalog is compared: after
// the down it has to be what it was before the up, after the second up what it was after the first.
//
//	reports, err := check.Downs(ctx, config, migrations, check.Options{})
//
// # What is touched
//
// The database that the configuration names is connected to for two statements, create database and drop database, and
// is otherwise left alone. The role has to be allowed the first: alter role … createdb. A process that is killed leaves a
// database behind whose name begins with migrator_check_.
//
// Roles, tablespaces and whatever else belongs to the server and not to a database are not made twice for it: a migration
// that creates a role creates it on this server, and fails where there is one already. Such files belong on a server that
// nobody else uses.
//
// # What is compared
//
// The catalog is compared by names and definitions: schemas, extensions, types, tables, columns and their order,
// constraints, indexes, sequences, views, rules, policies, triggers, functions, what is rarer, and the owner, the
// privileges and the comment of each. Rows and the current values of sequences are not, nor what an extension brings
// along or the migrator's own tables. So a down that deletes too many rows passes; one that leaves rows behind mostly
// fails, when the second up inserts them again.
//
// Repeatable migrations have no down, and are left out.
package check
