package migrator

import (
	"crypto/tls"
	"os"
	"path/filepath"
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

func TestAConnectionStringIsRefusedWithWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "s3cr3t.pem")
	garbage := filepath.Join(t.TempDir(), "s3cr3t.pem")
	require.NoError(t, os.WriteFile(garbage, []byte("s3cr3t"), 0o600))
	for text, want := range map[string]string{
		"pgx5://app:s3cr3t@db/shop?sslmode=disable":                                                 "begins with pgx5://",
		"mysql://app:s3cr3t@db/shop":                                                                "begins with mysql://",
		"jdbc:postgresql://db/shop?user=app&password=s3cr3t":                                        "JDBC",
		"Postgres://app:s3cr3t@db/shop?sslmode=disable":                                             "postgres:// is written in small letters",
		"s3cr3t://app@db/shop?sslmode=disable":                                                      "before :// is not postgres",
		"app:s3cr3t@db/shop?sslmode=disable":                                                        "want key=value pairs",
		"postgres:/app:s3cr3t@db/shop?sslmode=disable":                                              "want key=value pairs",
		"//app:s3cr3t@db/shop?sslmode=disable":                                                      "want key=value pairs",
		"app:s3cr3t@db/shop":                                                                        "want key=value pairs",
		" \n":                                                                                       "nothing but spaces",
		" postgres://app:s3cr3t@db/shop?sslmode=disable":                                            "a space before it",
		"postgres://app:s3cr3t@db/shop\n":                                                           "a line break",
		"\tpostgres://app:s3cr3t@db/shop":                                                           "a line break or a tab",
		"postgres://app:s3cr3t@db/shop\r":                                                           "a line break",
		`"postgres://app:s3cr3t@db/shop?sslmode=disable"`:                                           "quotes around it",
		`'host=db password=s3cr3t'`:                                                                 "quotes around it",
		`postgres://app:s3cr3t@db/shop"`:                                                            "quotes around it",
		"“postgres://app:s3cr3t@db/shop”":                                                           "quotes around it",
		"${DATABASE_URL}":                                                                           "${…} in it was not replaced",
		"postgres://app:${DB_PASSWORD}@db/s3cr3t":                                                   "${…} in it was not replaced",
		"postgres://app:s3cr3t@$(DB_HOST):5432/shop":                                                "${…} in it was not replaced",
		"host=${DB_HOST:-db} password=s3cr3t":                                                       "${…} in it was not replaced",
		"postgres://app:s3cr3t@db/shop?sslmode=on":                                                  "sslmode (or PGSSLMODE) is one of",
		"postgres://app:s3cr3t@db/shop?sslrootcert=" + missing:                                      "sslrootcert (or PGSSLROOTCERT) names cannot be read: no such file",
		"postgres://app:s3cr3t@db/shop?sslrootcert=" + garbage:                                      "holds no certificate",
		"postgres://app:s3cr3t@db/shop?sslcert=" + missing:                                          "sslcert and sslkey",
		"postgres://app:s3cr3t@db/shop?sslkey=" + missing + "&sslcert=" + missing:                   "sslkey (or PGSSLKEY) names cannot be read: no such file",
		"service=s3cr3t servicefile=" + missing:                                                     "file of services",
		"postgres://app:s3cr3t@db:99999/shop":                                                       "not a number from 1 to 65535",
		"host=db password=s3cr3t port=x":                                                            "port (or PGPORT) is not a number",
		"host=a,b,c port=1,2 password=s3cr3t":                                                       "not as many as hosts",
		"host=db password=s3cr3t connect_timeout=5s":                                                "connect_timeout (or PGCONNECT_TIMEOUT) is a number",
		"host=db password=s3cr3t target_session_attrs=rw":                                           "target_session_attrs (or",
		"host=db password=s3cr3t channel_binding=yes":                                               "channel_binding (or",
		"host=db password=s3cr3t require_auth=x":                                                    "require_auth (or",
		"host=db password=s3cr3t sslcertmode=x":                                                     "sslcertmode (or",
		"host=db password=s3cr3t max_protocol_version=2":                                            "min_protocol_version and max_protocol_version",
		"host=db password='s3cr3t":                                                                  "closing quote",
		"host=db;user=app;password=s3cr3t;sslmode=disable":                                          "semicolons",
		"Host=db;Username=app;Password=s3cr3t;Database=shop":                                        "semicolons",
		"host=db password=correct s3cr3t=x":                                                         "a parameter that is none of PostgreSQL's",
		"host=postgres://app:s3cr3t@db/shop":                                                        "where a host belongs",
		"host=app:s3cr3t user=app":                                                                  "where a host belongs",
		"dbname=postgres://app:s3cr3t@db/shop host=db":                                              "the database's name is a URL",
		"postgres://app%3As3cr3t@db/shop":                                                           "a : in the user's name",
		"postgres://u:123/s?a_b=3t@localhost/s3cr3t":                                                "an @ after the host",
		"postgres://app:s3cr3t@db/shop?schema=app":                                                  "schema is not supported: say search_path",
		"postgres://app:s3cr3t@db/shop?currentSchema=app":                                           "currentSchema is not supported: say search_path",
		"postgres://app:s3cr3t@db/shop?hostaddr=10.0.0.1":                                           "hostaddr (or PGHOSTADDR) is not supported",
		"host=db password=s3cr3t gssencmode=require":                                                "gssencmode (or PGGSSENCMODE) is not supported",
		"host=db password=s3cr3t sslcrl=/x":                                                         "sslcrl (or PGSSLCRL) is not supported",
		"host=/tmp password=s3cr3t requirepeer=postgres":                                            "requirepeer (or PGREQUIREPEER) is not supported",
		"postgres://app:s3cr3t@db/shop?ssl=no-verify":                                               "ssl is not supported: say sslmode",
		"postgres://app:s3cr3t@db/shop?sslaccept=strict":                                            "say sslmode=verify-full",
		"postgres://app:s3cr3t@db/shop?ssl_max_protocol_version=SSL3":                               "TLSv1.2 or TLSv1.3",
		"host=db password=s3cr3t ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2": "is above ssl_max_protocol_version",
		"postgres://app:s3cr3t@db/shop?x-migrations-table=t":                                        "name the history with --table",
	} {
		config, err := ParseConfig(text)
		require.Nil(t, config, text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "s3cr3t", text)
	}
}

func TestParametersThatOnlyTuneAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"postgres://app@db/shop?sslmode=disable&pool_max_conns=10&keepalives=1&keepalives_idle=30&fallback_application_name=x&tcp_user_timeout=1",
		"host=db pool_min_conns=1 gssencmode=prefer sslcrl='' hostaddr='' load_balance_hosts=random sslmode=disable",
		"postgres://app@db/shop?sslmode=disable&connection_limit=5&pgbouncer=true&binary_parameters=yes&x-multi-statement=true&ApplicationName=a",
	} {
		config, err := ParseConfig(text)
		require.NoError(t, err, text)
		require.Empty(t, config.RuntimeParams, text)
	}
	config, err := ParseConfig("host=db search_path=app statement_timeout=5s app.tenant=x TimeZone=UTC options='-c geqo=off' sslmode=disable")
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"search_path": "app", "statement_timeout": "5s", "app.tenant": "x", "TimeZone": "UTC", "options": "-c geqo=off",
	}, config.RuntimeParams)
}

func TestLimitsOfTLSAreHonoured(t *testing.T) {
	t.Parallel()
	config, err := ParseConfig("host=a,b sslmode=require ssl_min_protocol_version=TLSv1.3 require_auth=scram-sha-256")
	require.NoError(t, err)
	require.Equal(t, "scram-sha-256", config.RequireAuth)
	require.Len(t, config.Fallbacks, 1)
	for _, c := range []*tls.Config{config.TLSConfig, config.Fallbacks[0].TLSConfig} {
		require.Equal(t, uint16(tls.VersionTLS13), c.MinVersion)
	}
	config, err = ParseConfig("host=a sslmode=require ssl_max_protocol_version=TLSv1.2")
	require.NoError(t, err)
	require.Equal(t, uint16(tls.VersionTLS12), config.TLSConfig.MaxVersion)
}

// Not parallel, as variables belong to the whole process.
func TestVariablesThatProtectAreNotDropped(t *testing.T) {
	for variable, value := range map[string]string{
		"PGHOSTADDR": "10.0.0.1", "PGSSLCRL": "/x", "PGSSLCRLDIR": "/x", "PGREQUIREPEER": "postgres", "PGGSSENCMODE": "require", "PGREQUIRESSL": "1",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			_, err := ParseConfig("postgres://app:s3cr3t@db/shop")
			require.ErrorContains(t, err, variable+") is not supported")
		})
	}
	t.Setenv("PGSSLMINPROTOCOLVERSION", "TLSv1.3")
	t.Setenv("PGGSSENCMODE", "disable")
	config, err := ParseConfig("host=db sslmode=require")
	require.NoError(t, err)
	require.Equal(t, uint16(tls.VersionTLS13), config.TLSConfig.MinVersion)
	require.Empty(t, config.RuntimeParams)
}

func TestAServiceIsReadAsAConnectionStringIs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "services")
	require.NoError(t, os.WriteFile(file, []byte("[tuned]\nhost=db\nkeepalives=1\n[strict]\nhost=db\nsslcrl=/x\n"), 0o600))
	config, err := ParseConfig("service=tuned servicefile=" + file)
	require.NoError(t, err)
	require.Equal(t, "db", config.Host)
	require.Empty(t, config.RuntimeParams)
	_, err = ParseConfig("service=other servicefile=" + file)
	require.ErrorContains(t, err, "no service of that name")
	_, err = ParseConfig("service=strict servicefile=" + file)
	require.ErrorContains(t, err, "sslcrl (or PGSSLCRL) is not supported")
}
