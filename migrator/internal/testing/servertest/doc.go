// Package servertest is the tests of package migrator that need a server: beside the library their imports would come into the go.sum
// of whoever imports it.
package servertest
