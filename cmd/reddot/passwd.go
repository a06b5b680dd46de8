package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"reddot/cmd/internal/app"
)

func newPasswd() *cobra.Command {
	c := &cobra.Command{
		Use:   "passwd",
		Short: "Give devices user names and passwords for MQTT",
		Long: `Give devices user names and passwords for MQTT, in the file that the setting
mqtt.password_file names. A server reads it when it starts and by SIGHUP.

NAME is what a device sends as user name: of an app other than the default one it
begins with the app, as shop/scale-7.`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPasswdSet(), newPasswdRemove(), newPasswdList())
	return c
}

// addPasswordFile gives the command the flag that names the file.
func addPasswordFile(c *cobra.Command) *string {
	file := c.Flags().StringP("file", "f", os.Getenv("REDDOT_MQTT_PASSWORD_FILE"), "the `file` of passwords (REDDOT_MQTT_PASSWORD_FILE)")
	before := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if *file == "" {
			return usageError{errors.New("name the file of passwords by --file"), c.CommandPath()}
		}
		return before(c, args)
	}
	return file
}

func newPasswdSet() *cobra.Command {
	var user string
	var file *string
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Set a password, read from standard input",
		Long: `Set the password of a user name, a new one or one that is there. It is read from
standard input: from a terminal twice and without showing it, else to the end, a
line break there left out. The file is made if there is none, for its owner alone.`,
		Example: `  reddot passwd set scale-7 --file /etc/reddot/passwords
  openssl rand -hex 16 | tee scale-7.secret | reddot passwd set shop/scale-7 --user scales -f passwords`,
		Args: exactly("NAME"),
	}
	c.Flags().StringVar(&user, "user", "", "the user as whom it acts; default: the one of before, or else NAME")
	c.RunE = func(c *cobra.Command, args []string) error {
		password, err := readPassword(c.Context(), c.InOrStdin(), c.ErrOrStderr())
		if err != nil {
			return err
		}
		l, had, err := app.SetPassword(*file, args[0], user, password)
		if err != nil {
			return err
		}
		did := "added"
		if had {
			did = "changed"
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s %s, which acts as the user %s of the app %s; SIGHUP lets a server know\n", did, l.Name, l.User, l.App)
		return nil
	}
	file = addPasswordFile(c)
	return c
}

// readPassword reads a password without its last line break.
func readPassword(ctx context.Context, in io.Reader, info io.Writer) ([]byte, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return askTwice(ctx, int(f.Fd()), info)
	}
	text, err := io.ReadAll(io.LimitReader(in, app.MaxPassword+3))
	if err != nil {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")), nil
}

// askTwice asks for a password on a terminal that does not show it.
func askTwice(ctx context.Context, fd int, info io.Writer) ([]byte, error) {
	first, err := ask(ctx, fd, info, "password: ")
	if err != nil {
		return nil, err
	}
	again, err := ask(ctx, fd, info, "again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, again) {
		return nil, errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

// ask reads a line from a terminal. If ctx ends before, the terminal shows again
// what is typed.
func ask(ctx context.Context, fd int, info io.Writer, prompt string) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	fmt.Fprint(info, prompt)
	defer fmt.Fprintln(info)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		if l.err != nil {
			return nil, fmt.Errorf("read the password: %w", l.err)
		}
		return l.text, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

func newPasswdRemove() *cobra.Command {
	var file *string
	c := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a user name and its password",
		Args:  exactly("NAME"),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := app.RemovePassword(*file, args[0]); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "removed %s; SIGHUP lets a server know\n", args[0])
		return nil
	}
	file = addPasswordFile(c)
	return c
}

func newPasswdList() *cobra.Command {
	var file *string
	c := &cobra.Command{Use: "list", Short: "List the user names", Args: exactly()}
	c.RunE = func(c *cobra.Command, _ []string) error {
		list, err := app.Passwords(*file)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "NAME\tAPP\tUSER")
		for _, l := range list {
			fmt.Fprintf(t, "%s\t%s\t%s\n", l.Name, l.App, l.User)
		}
		return t.Flush()
	}
	file = addPasswordFile(c)
	return c
}
