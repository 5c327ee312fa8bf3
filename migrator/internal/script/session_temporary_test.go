package script

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesWithASchemaAreNotThoseOfTemporaryObjects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"delete from public.t":                     "delete from public",
		`delete from "a b"."t" where t.i = 1`:      `delete from "a b" where t = 1`,
		"select db.public.t":                       "select db",
		"do $$begin delete from app.t; end$$":      "do $$begin delete from app; end$$",
		"delete from t":                            "delete from t",
		"delete from public . t":                   "delete from public . t",
		"delete from PG_TEMP.t using public.t":     "delete from PG_TEMP.t using public.t",
		"execute format('delete from %I.t', s)":    "execute format('delete from %I.t', s)",
		"execute format('delete from %1$I.t')":     "execute format('delete from %1$I.t')",
		"execute 'delete from ' || s || '.t'":      "execute 'delete from ' || s || '.t'",
		`delete from U&"pg!0074emp".t uescape '!'`: `delete from U&"pg!0074emp".t uescape '!'`,
		"select 1.5, t":                            "select 1.5, t",
	} {
		require.Equal(t, want, withoutQualified(text))
	}
}
