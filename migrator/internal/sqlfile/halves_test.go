package sqlfile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	madeA    = "create table a (id int);\n"
	droppedA = "drop table a;\n"
)

func TestTheHalfThatRevertsDoesNotRunWithTheOtherOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tool, up, down string }{
		{"goose", "-- +goose Up", "-- +goose Down"},
		{"goose", "-- +goose Up\n-- +goose StatementBegin", "--  +goose  DOWN\n-- +goose StatementBegin"},
		{"goose", "", "--+goose down"},
		{"sql-migrate", "-- +migrate Up notransaction", "-- +migrate Down notransaction"},
		{"micrate", "-- +micrate Up\n-- SQL in section 'Up' is executed when this migration is applied", "-- +micrate Down"},
		{"dbmate", "-- migrate:up transaction:false", "-- migrate:down"},
		{"dbmate", "", "-- migrate:down transaction:false"},
		{"tern", "", "---- create above / drop below ----"},
		{"rambler", "-- rambler up", "-- rambler down"},
		{"node-pg-migrate", "-- Up Migration", "-- Down Migration"},
		{"node-pg-migrate", "", "------ down   migration -----"},
		{"MyBatis", "-- // create it\n-- Migration SQL that makes the change goes here.", "-- //@UNDO\n-- SQL to undo the change goes here."},
		{"MyBatis", "--// create it", "--//@UNDO"},
		{"MyBatis", "", "-- @UNDO"},
		{"Play", "# --- !Ups", "# --- !Downs"},
		{"Play", "-- !Ups", "-- !Downs"},
		{"Mojo", "-- 1 up", "-- 1 down"},
		{"Atlas", "-- atlas:txtar\n\n-- migration.sql --", "-- down.sql --"},
		{"shmig", "-- ====  UP  ====", "-- ==== DOWN ===="},
		{"eql", "-- :up", "-- :down"},
		{"", "-- Up", "-- Down"},
		{"", "", "-- @DOWN"},
		{"", "", "  -- DOWN =="},
		{"", "", "-------- down: --------"},
		{"", "-- @up {", "-- }\n-- @down {"},
		{"", "-- [do]", "-- [undo]"},
		{"", "-- Up", "-- Rollback"},
		{"", "-- deploy", "-- revert"},
		{"", "/* up */", "/* down */"},
		{"", "/***** UP *****/", " /* -- Down */\t"},
		{"", "/* migration: up */", "/* undo */"},
		{"", "-- migrate: up", "-- migrate: down"},
		{"", "-- migration:up", "-- migration:down"},
		{"", "-- +up", "-- +down"},
		{"", "-- !up", "-- !down"},
		{"", "-- {{up}}", "-- {{down}}"},
		{"", "-- {{ up }}", "-- {{ down }}"},
		{"", "-- (up)", "-- (down)"},
		{"", `-- "up"`, `-- "down"`},
		{"", "-- up;", "-- down;"},
		{"", "-- Migration Up", "-- Migration Down"},
		{"", "-- Up Migration:", "-- Down Migration:"},
		{"", "-- Up script", "-- Down script"},
		{"", "-- Deploy script", "/* Rollback script: */"},
	} {
		message := "divides the file into two halves, which would both run here"
		if c.tool != "" {
			message = "is written for " + c.tool + ", whose up and down halves would both run here"
		}
		up := c.up + "\n"
		for _, file := range []string{up + madeA + c.down + "\n" + droppedA, up + madeA + "\r\n" + c.down + "\r\n" + droppedA} {
			_, err := fileOf("1_a.sql", file)
			require.ErrorContains(t, err, message, file)
			require.ErrorContains(t, err, "\nHINT: put the down half into 1_a.down.sql and delete the marker comments; where the file is applied already, repair accepts the change")
			_, err = fileOf("1_a.down.sql", file)
			require.ErrorContains(t, err, message, file)
			require.ErrorContains(t, err, "\nHINT: leave only the down half in it, and delete the marker comments")
		}
		if c.tool != "" || c.up != "" {
			_, err := fileOf("1_a.sql", up+c.down+"\n"+droppedA)
			require.ErrorContains(t, err, message, "there is nothing to apply: %q", c)
		}
		for path, file := range map[string]string{
			"1_a.sql": up + madeA + c.down + "\n-- nothing to revert\n;\n", "1_a.up.sql": up + madeA, "1_a.down.sql": c.down + "\n" + droppedA,
		} {
			if c.tool != "Play" || c.up[0] == '-' { // # is no SQL
				_, err := fileOf(path, file)
				require.NoError(t, err, "there is one half: %q", file)
			}
		}
	}
}

func TestTheHalvesMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	_, err := fileOf("1_a.sql", "-- Down Migration\ndrop table a;\n-- Up Migration\ncreate table a (id int);\n")
	require.ErrorContains(t, err, "1_a.sql:1:1: is written for node-pg-migrate")
	_, err = fileOf("1_a.sql", "select 1; -- Up\n-- down\ndrop table a;\n-- up\ncreate table a (id int);\n")
	require.ErrorContains(t, err, "1_a.sql:2:1: divides the file into two halves")
}

func TestAHalfMayEndWithoutASemicolon(t *testing.T) {
	t.Parallel()
	for _, marker := range []string{"---- create above / drop below ----", "-- +goose Down", "-- migrate:down", "-- //@UNDO", "-- Down Migration", "# --- !Downs"} {
		_, err := fileOf("1_a.sql", "insert into a select 1\n"+marker+"\ndelete from a;\n") // the server reads: select 1 as delete from a
		require.ErrorContains(t, err, "1_a.sql:2:")
		require.ErrorContains(t, err, "whose up and down halves would both run here", marker)
	}
}

func TestACommentThatDividesNothingIsLegal(t *testing.T) {
	t.Parallel()
	for _, comment := range []string{
		"-- migrate:upgrade the users first", "-- migrate:downwards", "-- +migrated from the old table", "-- +gooseberry", "-- rollback", "-- Revert",
		"-- down migration exists somewhere", "-- shut down", "-- undo: drop table a", "-- 2 downloads", "-- @UNDO: how to revert", "-- down.sql",
		"/* -- +goose Down */", "/* down */", "/*\n-- down\n*/", "select 1; -- down", "select '\n-- down\n';", "do $$ begin\n-- down\nend $$;",
		"create table b (\n-- up\nu int,\n-- ==== down ====\nd int);", "insert into a\n-- down\nvalues (1);", "--rollback drop table a;", "--rollback", "--changeset a:1", "-- +goose StatementBegin", "savepoint a;\n-- rollback\nrollback to a;",
		"-- down migration:", "-- down script", "-- (down)", "/* +goose Down */",
		"-- up to here\n-- down to here", "-- migration up next week\n-- migration down next week", "-- migrate: up first\n-- migrate: down payments follow",
		"-- up-to-date\n-- rolled down", "-- script\n-- rollback", "-- up\n-- rollback;", "-- up: adds a\n-- down: drops a", "-- ups\n-- downs", "/* up\n */\n/* down\n */",
		"/* up */ select 1;\n/* down */ select 2;", "select 1; /* up */\nselect 2; /* down */", "insert into a\n/* up */\nvalues (1),\n/* down */\n(2);", "/* up and\n down */\n/* down */",
	} {
		file, err := fileOf("1_a.sql", "--liquibase formatted sql\n"+madeA+comment+"\n"+droppedA)
		require.NoError(t, err, comment)
		require.Empty(t, file.Warnings)
	}
}
