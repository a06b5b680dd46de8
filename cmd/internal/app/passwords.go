package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"reddot/transports/auth"
)

func parsePasswords(name string, text []byte) (*auth.PasswordFile, error) {
	f, err := auth.ParsePasswordFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// A Login is a user name that has a password, and whom it stands for.
type Login struct {
	Name      string // what a client sends as user name
	App, User string
}

func loginOf(l *auth.Login) Login { return Login{l.String(), l.App, l.User} }

// MaxPassword is the longest password, in bytes.
const MaxPassword = auth.MaxPassword

// SetPassword gives a user name a password in a file, which is made if there is
// none, and tells whether it had one. An empty user is the one of before, or else
// the name.
func SetPassword(file, name, user string, password []byte) (login Login, had bool, err error) {
	l, err := auth.NewLogin(name, user)
	if err != nil {
		return login, false, err
	}
	err = editPasswords(file, func(f *auth.PasswordFile) error {
		if old := f.Find(l.App, l.Name); old != nil && user == "" {
			l.User = old.User
		}
		had, err = f.Set(l, password)
		return err
	})
	return loginOf(l), had, err
}

// RemovePassword removes a user name from a file.
func RemovePassword(file, name string) error {
	l, err := auth.NewLogin(name, "")
	if err != nil {
		return err
	}
	return editPasswords(file, func(f *auth.PasswordFile) error {
		if !f.Remove(l.App, l.Name) {
			return fmt.Errorf("%s is not in %s", l, file)
		}
		return nil
	})
}

// Passwords returns the user names in a file.
func Passwords(file string) ([]Login, error) {
	text, err := auth.ReadPasswordFile(file)
	if err != nil {
		return nil, err
	}
	f, err := parsePasswords(file, text)
	if err != nil {
		return nil, err
	}
	var list []Login
	for _, l := range f.Logins() {
		list = append(list, loginOf(l))
	}
	return list, nil
}

// editPasswords changes a file, or makes it, readable by its owner alone. It is
// replaced as a whole, so that a server reads the old one or the new.
func editPasswords(name string, edit func(*auth.PasswordFile) error) error {
	if at, err := filepath.EvalSymlinks(name); err == nil {
		name = at // the link stays
	}
	old, err := auth.ReadPasswordFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := parsePasswords(name, old)
	if err != nil {
		return err
	}
	if err := edit(f); err != nil {
		return err
	}
	return replaceFile(name, f.Text(), func() error {
		now, err := auth.ReadPasswordFile(name)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case !bytes.Equal(now, old):
			return fmt.Errorf("%s was changed meanwhile by somebody else; try again", name)
		}
		return nil
	})
}

// replaceFile writes a file of mode 0600 in the place of another one, whose owner
// it keeps, if what ready says at the end is nil.
func replaceFile(name string, text []byte, ready func() error) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err := errors.Join(err, keepOwner(f, name), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := ready(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// loginChanges says how the logins of one front differ from those of another;
// empty: not at all.
func loginChanges(old, fresh *auth.Logins) string {
	var parts []string
	for _, d := range old.Differences(fresh) {
		if len(parts) == maxLoginsTold {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, d)
	}
	return strings.Join(parts, ", ")
}

// maxLoginsTold is how many changes of passwords the audit log names.
const maxLoginsTold = 50
