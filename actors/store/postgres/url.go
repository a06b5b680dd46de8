package postgres

import (
	"errors"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// CheckURL returns what is wrong with a database's URL. It connects to nobody.
func CheckURL(url string) error {
	_, err := parseURL(url)
	return err
}

// Errors about a URL show nothing of it: what a reader takes for the host or the
// port may be a part of a password that was not escaped.
var (
	errNoURL = errors.New("it is neither a URL, as postgres://user:password@host:5432/name, nor keywords, as host=… user=… dbname=…; " +
		"a password with spaces stands between single quotes there")
	errEscape = errors.New("what stands before the host can't be told from what follows: " +
		"in a user's name and a password write @ as %40, / as %2F, ? as %3F, # as %23, : as %3A and % as %25; behind the host, @ as %40")
)

// parseURL reads a database's URL. Its error shows nothing of it.
func parseURL(text string) (*pgx.ConnConfig, error) {
	if err := checkParts(text); err != nil {
		return nil, err
	}
	c, err := pgx.ParseConfig(text)
	if err == nil {
		return c, nil
	}
	// The part at fault is named by the first words, and behind them may stand
	// what was given.
	for _, known := range urlFaults {
		if strings.Contains(err.Error(), known.part) {
			return nil, errors.New(known.what)
		}
	}
	return nil, errNoURL
}

// urlFaults are the faults that pgx finds in a URL whose parts can be told apart.
var urlFaults = []struct{ part, what string }{
	{"sslmode is invalid", "its sslmode is none of disable, allow, prefer, require, verify-ca and verify-full"},
	{"unable to read CA file", "the file of its sslrootcert can't be read"},
	{"unable to add CA", "the file of its sslrootcert holds no certificate in PEM"},
	{"failed to configure TLS", "its sslcert, sslkey or sslpassword do not fit"},
	{"invalid port", "its port is no number between 1 and 65535"},
	{"port numbers to", "it has another number of ports than of hosts"},
	{"connect_timeout", "its connect_timeout is no number of seconds"},
	{"target_session_attrs", "its target_session_attrs is unknown; for the primary of several hosts write read-write"},
	{"failed to read service", "the service that it names can't be read"},
	{"channel_binding", "its channel_binding is unknown"},
	{"protocol_version", "its protocol version is unknown"},
}

// isURL tells whether the text is meant for a URL, not for keywords.
func isURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// checkParts returns an error unless it is certain which part of a URL is what.
func checkParts(text string) error {
	if !isURL(text) {
		return nil
	}
	_, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, behind := rest[:end], rest[end:]
	who, _, some := strings.Cut(authority, "@")
	if strings.Count(authority, "@") > 1 || strings.ContainsAny(behind, "@#") {
		return errEscape
	}
	if _, err := url.PathUnescape(who); some && (err != nil || strings.Count(who, ":") > 1) {
		return errEscape
	}
	return nil
}

var sslModeParameter = regexp.MustCompile(`sslmode\s*=\s*'?([a-z-]+)`)

// sslMode returns what a URL says about TLS.
func sslMode(text string) string {
	if m := sslModeParameter.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	if mode := os.Getenv("PGSSLMODE"); mode != "" {
		return mode
	}
	return "prefer, as none is set"
}
