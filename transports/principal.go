package transports

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"reddot/actors"
)

// DefaultApp is the app of a credential that names none.
const DefaultApp = "default"

// AnonymousUsers begins the names of users who have shown no credential. No
// token may name one: its user would share the inbox with anybody.
const AnonymousUsers = "anonymous:"

// Me stands for the user of the token in a path. It is no user name.
const Me = "me"

// The longest names, in bytes.
const (
	MaxUser = 128
	MaxApp  = 64
)

// A Kind tells by what a caller is known.
type Kind uint8

// The kinds of callers. The zero Kind may do nothing.
const (
	Nobody       Kind = iota
	ServerKey         // a back end with a server key: every user of its app, as far as its scopes go
	UserToken         // a user with a token: himself alone
	Developer         // anybody, in dev mode: everything
	Anonymous         // a client of MQTT without a credential: a user that no token can name
	PasswordUser      // a client of MQTT with a password: one user alone, as with a token
)

// String names the kind in logs.
func (k Kind) String() string {
	switch k {
	case ServerKey:
		return "server key"
	case UserToken:
		return "user token"
	case Developer:
		return "developer"
	case Anonymous:
		return "client without a credential"
	case PasswordUser:
		return "client with a password"
	default:
		return "nobody"
	}
}

// Topics are the patterns, as MQTT writes topic filters, of the topics that a
// caller may read and write beyond those of the users whom it reaches.
type Topics struct {
	Read  []string `json:"read,omitempty"`
	Write []string `json:"write,omitempty"`
}

// A Principal is a verified caller. It is immutable and shared by all requests
// with the same credential.
type Principal struct {
	// ID names the caller for as long as the credential's owner lives:
	// "key:<key id>", "user:<sub>" or "dev". It is the scope of idempotency
	// keys within the app; the prefix keeps a user from taking a key's name.
	ID     string
	App    string
	Kind   Kind
	Scopes Scopes
	User   string // of a user token or a password
	Topics Topics

	Issued  time.Time // of a user token; zero if the token does not say
	Expires time.Time // when it ceases to be valid here, leeway included; zero: never

	Signer Signer    // of a user token or a password
	Login  LoginName // of a password
}

// Reaches returns nil if the user is within the caller's reach, else an
// actors.Error. Can says what the caller may do there.
func (p *Principal) Reaches(user string) error {
	switch {
	case p == nil || p.Kind == Nobody:
		return ErrNoCredential
	case p.Kind == ServerKey && p.App == "":
		return actors.Errorf(actors.Forbidden, "this key belongs to no app, and so reaches no user")
	case p.IsUser() && p.User != user:
		return actors.Errorf(actors.Forbidden, "a %s reaches only its own user", p.Kind)
	default:
		return nil
	}
}

// UserHeader names, in the answer to a question for the counts, the app and the
// user whose they are: "default/alice". A page whose login is a cookie has no
// other way to learn who "me" is.
const UserHeader = "Reddot-User"

// Resolve returns the user that a path's name means to this caller: the
// token's own for Me. A name that is none is Invalid, one out of reach
// Forbidden. The name is returned as it is: it must not alias a request.
func (p *Principal) Resolve(name string) (string, error) {
	if name == Me {
		if p == nil || !p.IsUser() {
			return "", &actors.Error{Code: actors.Invalid, Field: "user",
				Detail: `"me" stands for the user of a token, and this call has none`}
		}
		return p.User, nil
	}
	user, err := ParseUser(name)
	if err != nil {
		return "", err
	}
	if err := p.Reaches(user); err != nil {
		return "", err
	}
	return user, nil
}

// Expired tells whether the credential has run out by now. A connection that
// outlives its token closes with CloseUnauthorized.
func (p *Principal) Expired(now time.Time) bool {
	return !p.Expires.IsZero() && !now.Before(p.Expires)
}

// DevCaller is the caller of every request in dev mode.
var DevCaller = &Principal{ID: "dev", App: DefaultApp, Kind: Developer, Scopes: ScopeAll,
	Topics: TopicsOf(ScopeAll)}

// ParseUser returns the name if it is a user's: 1 to 128 bytes of
// [A-Za-z0-9._:@-], and none of "me", "." and "..", which mean something else
// in a path. The error is Invalid.
func ParseUser(name string) (string, error) {
	switch {
	case name == "" || len(name) > MaxUser:
		return "", &actors.Error{Code: actors.Invalid, Field: "user",
			Detail: fmt.Sprintf("a user name has 1 to %d bytes; this one has %d", MaxUser, len(name))}
	case name == Me || name == "." || name == "..":
		return "", &actors.Error{Code: actors.Invalid, Field: "user", Detail: fmt.Sprintf("%q is no user name", name)}
	}
	for i := range len(name) {
		if !NameByte(name[i]) && name[i] != ':' && name[i] != '@' {
			return "", &actors.Error{Code: actors.Invalid, Field: "user",
				Detail: fmt.Sprintf("a user name is made of A-Z a-z 0-9 . _ : @ -; byte %d is %q", i, name[i:i+1])}
		}
	}
	return name, nil
}

// ParseApp returns the name if it is an app's: 1 to 64 bytes of
// [A-Za-z0-9._-]. The error is Invalid.
func ParseApp(name string) (string, error) {
	if !isName(name, MaxApp) {
		return "", &actors.Error{Code: actors.Invalid, Field: "app",
			Detail: fmt.Sprintf("an app's name has 1 to %d bytes of A-Z a-z 0-9 . _ -", MaxApp)}
	}
	return name, nil
}

// maxName is how long the name of what an app has may be, in bytes.
const maxName = 64

// ParseName returns the name if it is one of what an app has, as of a segment: 1 to 64
// bytes of [A-Za-z0-9._-]. The error is Invalid.
func ParseName(name string) (string, error) {
	if !isName(name, maxName) {
		return "", WrongField("name", fmt.Sprintf("it has 1 to %d characters of A-Z a-z 0-9 . _ - and is not . or ..", maxName))
	}
	return name, nil
}

// isName tells whether a name of at most so many bytes can stand in a path.
func isName(name string, most int) bool {
	for i := range len(name) {
		if !NameByte(name[i]) {
			return false
		}
	}
	return name != "" && len(name) <= most && name != "." && name != ".."
}

// NameByte tells whether the byte may stand in every name.
func NameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// Scopes are what a server key may do, as a set of bits. scopesOf says what each
// is good for; admin includes support, author and approve, and no other
// implies another.
type Scopes uint8

// The scopes.
const (
	ScopePublish  Scopes = 1 << iota // write messages, and mark them
	ScopeRead                        // read inboxes; it never writes
	ScopeAdmin                       // all of the app's keys and settings
	ScopeSupport                     // one user at a time: journal, disconnect
	ScopeOperator                    // the whole server; of a key that belongs to no app
	ScopeAuthor                      // what is sent, and to whom: segments, templates
	ScopeApprove                     // what others wrote may be sent

	ScopeApp = ScopePublish | ScopeRead | ScopeAdmin | ScopeSupport | ScopeAuthor | ScopeApprove // all that a key of an app may have
	ScopeAll = ScopeApp | ScopeOperator
)

// scopeNames are in the order of their bits.
var scopeNames = [...]string{"publish", "read", "admin", "support", "operator", "author", "approve"}

// ParseScopes returns the set of the named scopes. An empty or unknown one is
// Invalid: a key without a scope could do nothing.
func ParseScopes(names []string) (Scopes, error) {
	var s Scopes
	for _, name := range names {
		bit := Scopes(0)
		for i, known := range scopeNames {
			if name == known {
				bit = 1 << i
			}
		}
		if bit == 0 {
			return 0, &actors.Error{Code: actors.Invalid, Field: "scopes",
				Detail: fmt.Sprintf("there is no scope %.32q; there are %s", name, strings.Join(scopeNames[:], ", "))}
		}
		s |= bit
	}
	switch {
	case s == 0:
		return 0, &actors.Error{Code: actors.Invalid, Field: "scopes",
			Detail: "give at least one scope of " + strings.Join(scopeNames[:], ", ")}
	case s&ScopeOperator != 0 && s != ScopeOperator:
		return 0, &actors.Error{Code: actors.Invalid, Field: "scopes",
			Detail: "operator stands alone: such a key belongs to no app, and has nothing to do with any app's users"}
	}
	return s, nil
}

// Names returns the scopes' names.
func (s Scopes) Names() []string {
	names := []string{}
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String returns the names with commas between them.
func (s Scopes) String() string { return strings.Join(s.Names(), ", ") }

// either returns the names of which one is needed.
func (s Scopes) either() string { return strings.Join(s.Names(), " or ") }

// MarshalJSON writes an array of names.
func (s Scopes) MarshalJSON() ([]byte, error) { return json.Marshal(s.Names()) }

// UnmarshalJSON reads an array of names.
func (s *Scopes) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return err
	}
	set, err := ParseScopes(names)
	*s = set
	return err
}

// LoginName names a login among all apps.
type LoginName struct{ App, Name string }

// TopicsOf returns the topics of a server key: all, as far as its scopes go.
func TopicsOf(s Scopes) Topics {
	var t Topics
	if s&ScopeRead != 0 {
		t.Read = []string{"#"}
	}
	if s&ScopePublish != 0 {
		t.Write = []string{"#"}
	}
	return t
}

// A Signer is the digest of what a token was verified with: the key, and what
// its issuer and audience had to be; or the line of a password's file. It tells
// what is still in force from what was replaced.
type Signer [sha256.Size]byte
