package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/config"
)

func newBackup() *cobra.Command {
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup of the data directory into a new file",
		Long: `Write a backup of the data directory into a new file; - is standard output. It
holds all that was acknowledged before: messages, states, sessions, keys.

While a server uses the directory, the backup comes from that server, which goes
on as before: the command runs on its machine, as its user. It is checked as it
is written. A database is backed up with its own tools instead; README says how.`,
		Example: `  reddot backup --data /var/lib/reddot /backup/reddot-$(date +%F).tar
  reddot backup --config /etc/reddot.yaml - | ssh other 'cat >reddot.tar'`,
		Args: exactly("FILE"),
	}
	s := addStoreSettings(c)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		cfg, err := s.load()
		if err != nil {
			return err
		}
		log, _ := app.NewLog(config.Log{Format: "text", Level: "error"}, c.ErrOrStderr())
		w, end, err := newFile(args[0], c.OutOrStdout())
		if err != nil {
			return err
		}
		b, err := app.WriteBackup(c.Context(), cfg, w, log)
		if err := end(err); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "backed up %s: %s, %d bytes\n", cfg.Data, number(len(b.Files), "file"), b.Bytes())
		return nil
	}
	return c
}

// newFile makes a file that end keeps, or removes after an error; - is out.
func newFile(name string, out io.Writer) (w io.Writer, end func(error) error, err error) {
	if name == "-" {
		return out, func(err error) error { return err }, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil, fmt.Errorf("there is %s already, and nothing is overwritten; name another file", name)
	}
	if err != nil {
		return nil, nil, err
	}
	return f, func(err error) error {
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(name))
		}
		return err
	}, nil
}

func newRestore() *cobra.Command {
	c := &cobra.Command{
		Use:   "restore [FILE]",
		Short: "Make a new data directory of a backup, or tell that a store was restored by other means",
		Long: `Make a new data directory of a backup; - is standard input. Nothing is
overwritten: the directory must not exist, or be empty. A backup that was cut off
or altered is refused, and leaves nothing behind.

What was taken in after the backup is lost. Clients that know of it are told to
fetch again. Keys and tokens that were revoked after it are good again: revoke
them anew.

Without FILE, tell the store in the directory, or the database of --store, that it
was put back by other means: a logical dump restored table by table, files copied
back. A promoted replica, a recovery to a point in time, another server and a
restore by pg_restore or psql are noticed without it.`,
		Example: `  reddot restore --data /var/lib/reddot /backup/reddot-2026-11-30.tar
  REDDOT_STORE_URL=postgres://… reddot restore`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("one FILE at most, got %d", len(args)), c.CommandPath()}
			}
			return nil
		},
	}
	s := addStoreSettings(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := s.load()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			log, _ := app.NewLog(config.Log{Format: "text", Level: "error"}, c.ErrOrStderr())
			if err := app.Renew(c.Context(), cfg, log); err != nil {
				return err
			}
			fmt.Fprintln(c.ErrOrStderr(), "the store has a history of its own now: clients that know more than it holds are told to fetch again")
			return nil
		}
		r := c.InOrStdin()
		if args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			r = f
		}
		b, err := app.Restore(cfg, r)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "restored into %s what was there at %s (%d bytes); clients that know more are told to fetch again\nkeys that were revoked after that are good again: revoke them anew\n",
			cfg.Data, b.Made.Local().Format(time.DateTime), b.Bytes())
		return nil
	}
	return c
}
