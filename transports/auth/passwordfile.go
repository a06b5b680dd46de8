package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"reddot/actors"
	"reddot/transports"
)

// maxPasswordFile is the longest file of passwords, in bytes; minus its comments
// that is room for some 100,000.
const maxPasswordFile = 16 << 20

// maxLogins is how many passwords a file may have.
const maxLogins = 1 << 17

// A Login is a user name with which a client of MQTT may log in by password, and
// the user as whom it acts. Several logins, as of several devices, may stand for
// one user.
type Login struct {
	App  string // in the file before the name, "app/name"; DefaultApp is left out
	Name string // made of what a user's name is
	User string // of the app; in the file empty if it is Name

	hash passwordHash
}

// String returns what a client sends as user name.
func (l *Login) String() string {
	if l.App == transports.DefaultApp {
		return l.Name
	}
	return l.App + "/" + l.Name
}

// line returns the login as its line in a file.
func (l *Login) line() string {
	text := l.String() + ":" + l.hash.text
	if l.User != l.Name {
		text += ":" + l.User
	}
	return text
}

// A PasswordFile is a list of Logins as text, a line each:
//
//	[APP/]NAME:HASH[:USER]
//
// A hash is $argon2id$… or mosquitto's $7$…, so that a file of mosquitto's is one,
// too. Empty lines and those that begin with # mean nothing, and are kept.
type PasswordFile struct {
	lines  []passwordLine
	byName map[transports.LoginName]int // the place in lines
}

// passwordLine is a comment, or a login.
type passwordLine struct {
	text  string
	login *Login // nil: a comment
}

// ReadPasswordFile returns the text of a file, of which it reads no more than one may
// have.
func ReadPasswordFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, maxPasswordFile+1))
}

// ParsePasswordFile reads a file. The error names the line.
func ParsePasswordFile(text []byte) (*PasswordFile, error) {
	f := &PasswordFile{byName: map[transports.LoginName]int{}}
	if len(text) > maxPasswordFile {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", len(text), maxPasswordFile)
	}
	for n := 1; len(text) > 0; n++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		if err := f.add(strings.TrimSuffix(string(line), "\r")); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return f, nil
}

func (f *PasswordFile) add(text string) error {
	if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' {
		f.lines = append(f.lines, passwordLine{text: text})
		return nil
	}
	l, err := parseLogin(text)
	if err != nil {
		return err
	}
	if _, twice := f.byName[transports.LoginName{App: l.App, Name: l.Name}]; twice {
		return fmt.Errorf("%s is there twice", l)
	}
	return f.put(l)
}

func (f *PasswordFile) put(l *Login) error {
	if len(f.byName) >= maxLogins {
		return fmt.Errorf("there are more than %d passwords", maxLogins)
	}
	f.byName[transports.LoginName{App: l.App, Name: l.Name}] = len(f.lines)
	f.lines = append(f.lines, passwordLine{login: l})
	return nil
}

// parseLogin reads a line. No name has a $, and every hash begins with one.
func parseLogin(text string) (*Login, error) {
	name, rest, ok := strings.Cut(text, ":$")
	if !ok {
		return nil, errors.New("it is not [APP/]NAME:HASH[:USER], where HASH begins with $argon2id$ or $7$")
	}
	hash, user, named := strings.Cut("$"+rest, ":")
	l, err := NewLogin(name, user)
	if err != nil {
		return nil, err
	}
	if named && user == "" {
		return nil, errors.New("the last colon has nothing behind it")
	}
	if l.hash, err = parsePasswordHash(hash); err != nil {
		return nil, fmt.Errorf("%s: %w", l, err)
	}
	return l, nil
}

// NewLogin returns the login that a user name stands for, without a password: the
// name may begin with an app and a slash. An empty user is the name itself. The
// error is a plain sentence.
func NewLogin(name, user string) (*Login, error) {
	l := &Login{App: transports.DefaultApp, Name: name, User: user}
	if app, rest, ok := strings.Cut(name, "/"); ok {
		l.App, l.Name = app, rest
	}
	if user == "" {
		l.User = l.Name
	}
	if _, err := transports.ParseApp(l.App); err != nil {
		return nil, fmt.Errorf("%.64q: %s", name, actors.AsError(err).Detail)
	}
	for _, name := range []string{l.Name, l.User} {
		if _, err := transports.ParseUser(name); err != nil {
			return nil, fmt.Errorf("%.128q: %s", name, actors.AsError(err).Detail)
		}
	}
	if strings.HasPrefix(l.User, transports.AnonymousUsers) {
		return nil, fmt.Errorf("%q: so begin the users of clients without a credential", l.User)
	}
	return l, nil
}

// Set gives the login a password, and tells whether there was one before.
func (f *PasswordFile) Set(l *Login, password []byte) (was bool, err error) {
	switch {
	case len(password) < minPassword || len(password) > MaxPassword:
		return false, fmt.Errorf("the password has %d bytes; it needs %d to %d", len(password), minPassword, MaxPassword)
	case isKey(password) || looksSigned(password):
		return false, errors.New("this is a server key or a token; those are good as passwords already, and need no file")
	}
	next := *l
	next.hash = newPasswordHash(password)
	at, was := f.byName[transports.LoginName{App: l.App, Name: l.Name}]
	if !was {
		return false, f.put(&next)
	}
	f.lines[at].login = &next
	return true, nil
}

// Find returns the login of that name, or nil.
func (f *PasswordFile) Find(app, name string) *Login {
	if at, ok := f.byName[transports.LoginName{App: app, Name: name}]; ok {
		return f.lines[at].login
	}
	return nil
}

// Remove removes the login of that name, and tells whether there was one.
func (f *PasswordFile) Remove(app, name string) bool {
	at, ok := f.byName[transports.LoginName{App: app, Name: name}]
	if !ok {
		return false
	}
	delete(f.byName, transports.LoginName{App: app, Name: name})
	f.lines = append(f.lines[:at], f.lines[at+1:]...)
	for k, i := range f.byName {
		if i > at {
			f.byName[k] = i - 1
		}
	}
	return true
}

// Logins returns all logins, as they stand in the file.
func (f *PasswordFile) Logins() []*Login {
	list := make([]*Login, 0, len(f.byName))
	for _, line := range f.lines {
		if line.login != nil {
			list = append(list, line.login)
		}
	}
	return list
}

// Text returns the file as ParsePasswordFile reads it.
func (f *PasswordFile) Text() []byte {
	var b bytes.Buffer
	for _, line := range f.lines {
		if line.login != nil {
			line.text = line.login.line()
		}
		b.WriteString(line.text)
		b.WriteByte('\n')
	}
	return b.Bytes()
}
