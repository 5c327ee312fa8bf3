package migrator

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
)

// parseFailures maps the texts of pgx's errors to ours.
var parseFailures = []struct{ text, reason string }{
	{"sslmode is invalid", "sslmode (or PGSSLMODE) is one of disable, allow, prefer, require, verify-ca, verify-full"},
	{"unable to read CA file", "the file that sslrootcert (or PGSSLROOTCERT) names cannot be read"},
	{"unable to add CA to cert pool", "the file that sslrootcert (or PGSSLROOTCERT) names holds no certificate in PEM form"},
	{`both "sslcert" and "sslkey"`, "sslcert and sslkey (or PGSSLCERT and PGSSLKEY) go together"},
	{"unable to read sslkey", "the file that sslkey (or PGSSLKEY) names cannot be read"},
	{"failed to decode sslkey", "the file that sslkey (or PGSSLKEY) names holds no key in PEM form"},
	{"unable to find sslpassword", "the key that sslkey (or PGSSLKEY) names is encrypted: set sslpassword (or PGSSLPASSWORD)"},
	{"unable to decrypt key", "sslpassword (or PGSSLPASSWORD) does not decrypt the key that sslkey names"},
	{"unable to read cert", "the file that sslcert (or PGSSLCERT) names cannot be read"},
	{"unable to load cert", "sslcert and sslkey do not hold a certificate and its key"},
	{"failed to read service file", "the file of services (servicefile, PGSERVICEFILE or ~/.pg_service.conf) cannot be read"},
	{"unable to find service", "the file of services has no service of that name (service or PGSERVICE)"},
	{"invalid connect_timeout", "connect_timeout (or PGCONNECT_TIMEOUT) is a number of seconds"},
	{"sslcertmode", "sslcertmode (or PGSSLCERTMODE) is one of disable, allow, require"},
	{"target_session_attrs", "target_session_attrs (or PGTARGETSESSIONATTRS) is one of any, read-write, read-only, primary, standby, prefer-standby"},
	{"channel_binding", "channel_binding (or PGCHANNELBINDING) is one of disable, prefer, require"},
	{"require_auth", "require_auth (or PGREQUIREAUTH) is a list of password, md5, gss, sspi, scram-sha-256, oauth, none, each with or each without a ! before it"},
	{"_protocol_version", "min_protocol_version and max_protocol_version are 3.0, 3.2 or latest, and the first is not the greater one"},
	{"default_query_exec_mode", "default_query_exec_mode is one of cache_statement, cache_describe, describe_exec, exec, simple_protocol"},
	{"_cache_capacity", "statement_cache_capacity and description_cache_capacity are numbers"},
	{"NUL byte", "there is a NUL byte in it"},
	{"port numbers to", "there are several ports, but not as many as hosts"},
	{"unterminated quoted string", "a value's closing quote is missing; ' and \\ in a quoted value are written \\' and \\\\"},
}

// parseFailure says why pgx cannot read a string. pgx's text quotes the string first, so only the rest of it is used.
func parseFailure(connString string, err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		text = text[i+len("`: "):]
	}
	for _, known := range parseFailures {
		if strings.Contains(text, known.text) {
			return known.reason + causeOf(err)
		}
	}
	isURL := urlScheme(connString) != ""
	switch {
	case text == "invalid port" && isURL:
		return "a port (or PGPORT) is not a number from 1 to 65535; " + escapes
	case text == "invalid port":
		return "port (or PGPORT) is not a number from 1 to 65535"
	case isURL:
		return wantURL + "; " + escapes
	}
	return wantPairs + "; a value with a space in it stands in single quotes"
}

// causeOf returns what the operating system said of a file, without the file's name.
func causeOf(err error) string {
	var path *fs.PathError
	var cause syscall.Errno
	if errors.As(err, &path) && errors.As(path.Err, &cause) {
		return ": " + cause.Error()
	}
	return ""
}
