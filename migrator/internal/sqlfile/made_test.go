package sqlfile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARelationIsMentionedAsAWordOfItsOwn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"create table users ()": true, "CREATE TABLE app.Users()": true, "do $$ begin execute 'create table users ()'; end $$": true, `"users"`: true, "users": true,
		"create table user_users ()": false, "create table users2 ()": false, "create table usersé ()": false, "": false,
		"users_1, users": true,
	} {
		require.Equal(t, want, mentions(text, "users"), text)
	}
	require.False(t, mentions("anything", ""))
}

func TestAFileTellsWhichSchemaItHasMade(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		"create schema app":                                      true,
		"select 1; CREATE SCHEMA IF NOT EXISTS App;":             true,
		`create schema "app" create table t ()`:                  true,
		"create schema app authorization joe":                    true,
		"create schema authorization app":                        true,
		"create schema authorization current_user":               true, // it is app
		"create /* the */ schema -- one\n app;":                  true,
		"alter schema old rename to app":                         true,
		`create schema "App"`:                                    false,
		"create schema other authorization app":                  false,
		"create schema application":                              false,
		"alter schema app rename to other":                       false,
		"-- create schema app":                                   false,
		"create table app.t (); comment on schema public is '';": false,
		"": false,
	} {
		require.Equal(t, want, makesSchema(sql, "app", "app"), sql)
	}
	require.False(t, makesSchema("create schema authorization current_user", "app", "joe"))
}

func TestAFileTellsWhichRelationsItHasMade(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		"create table app.t ()":                                                                 true,
		`create unlogged table if not exists "app" . "t" ()`:                                    true,
		"create or replace view app.t as select 1":                                              true,
		"create materialized view app.t as select 1":                                            true,
		"create table app.Old (); alter table if exists only app.Old rename to t":               true,
		"create table t (); alter table t set schema app":                                       true,
		"do $$ begin execute format('create schema %I', 'app'); end $$; create table t ()":      true,
		"-- like the t of old\ncreate table u ()":                                               false,
		"comment on table u is 'create table app.t ()'":                                         false,
		"do $$ begin create table app.t (); end $$":                                             false, // it may not have come to that
		"create table t ()":                                                                     false,
		"create temp table t ()":                                                                false,
		"create table other.t ()":                                                               false,
		"create table app.u ()":                                                                 false,
		"create table app.t (); alter table app.t rename to u":                                  false,
		"create table app.t (); drop table if exists app.u, app.t cascade":                      false,
		"create table app.t (); drop schema other, app cascade":                                 false,
		"create schema app; alter schema app rename to other":                                   false,
		"create schema app; drop schema app":                                                    false,
		"create schema app":                                                                     true,
		"drop schema if exists app; create schema app":                                          true,
		"do $$ begin execute 'create schema x'; end $$; set search_path = x; create table t ()": false,
	} {
		require.Equal(t, want, HaveMade([]string{sql}, "app", "joe", []string{"t"}), sql)
	}
}
