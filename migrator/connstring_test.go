package migrator

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestAConnectionStringThatIsNotWhatWasMeantIsRefusedAndNotQuoted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"postgres://u:s3@cr3t@localhost:1/db", "postgres://u:123/s3cr3t@localhost/db", "postgres://u@s3cr3t@localhost/db",
		"postgres://u:s3?cr@3t@localhost:1/db", "postgres://u?x@s3cr3t@localhost/db", "postgres://u?1@s/3t@localhost/db", "postgres://u:p@a,s3cr3t@b/db",
		"postgresql://u:s3cr3t@@localhost/db", "postgres://u:s3cr3t%zz@localhost/db", "postgres://u:s3cr3t@localhost:port/db", "host=x password=s3cr3t=y user",
	} {
		config, err := ParseConfig(text)
		require.Nil(t, config, text)
		require.ErrorContains(t, err, "cannot be read", text)
		require.NotContains(t, err.Error(), "3t", text)
	}
}

func TestAConnectionStringThatIsWellFormedIsReadAsPgxReadsIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"postgres://u:s3%40cr3t%2F@localhost:1/db", "postgres://u@localhost/db", "postgres://localhost/d%40b", "postgresql://u:p@a:1,b:2/db?application_name=x@y",
		"postgres://u:p@a?application_name=x@y", "postgres://u:p?q@a/db", "postgres://u:p@a?dbname=d@b", "postgres://u:p@a?application_name=/x@y",
		"postgres:///db?host=/tmp/a@b", "host=h password=a://b/c@d", "host=/tmp user=u@h password='p@ w' dbname=x", "",
	} {
		got, err := ParseConfig(text)
		require.NoError(t, err, text)
		want, err := pgx.ParseConfig(text)
		require.NoError(t, err)
		require.Equal(t, []any{want.Host, want.Port, want.Database, want.User, want.Password}, []any{got.Host, got.Port, got.Database, got.User, got.Password})
	}
}
