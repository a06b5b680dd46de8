package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

// newUserExport hands out all that is known of one user, or what an import takes of all.
func newUserExport() *cobra.Command {
	var file, format string
	c := &cobra.Command{
		Use:   "export [USER]",
		Short: "Write all that is known of a user, messages included, or the profiles of all",
		Long: `Write all that is known of USER, messages included, as one JSON object. Without USER,
write the profiles, preferences, follows and lists of all users of the app, a line each,
as reddot user import takes them. It takes a key with the scope admin.

NDJSON goes on by itself where the connection breaks off. FILE appears when it is whole.`,
		Example: `  reddot user export alice > alice.json
  reddot user export -o users.ndjson
  reddot user export --format csv -o users.csv`,
		Args: between(0, 1, "[USER]"),
	}
	r := addRemote(c)
	c.Flags().StringVarP(&file, "output", "o", "", "a `FILE` to write to, in the place of standard output")
	c.Flags().StringVar(&format, "format", "ndjson", "of all users: ndjson or csv")
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case format != "ndjson" && format != "csv":
			return usageError{fmt.Errorf("--format %s: there are ndjson and csv", format), c.CommandPath()}
		case len(args) == 1 && c.Flags().Changed("format"):
			return usageError{errors.New("--format is for all users; one is a JSON object"), c.CommandPath()}
		}
		remote, err := r.client()
		if err != nil {
			return err
		}
		write := func(w io.Writer) error { return remote.ExportUsers(c.Context(), format, w) }
		if len(args) == 1 {
			write = func(w io.Writer) error { return exportUser(c.Context(), remote, args[0], w) }
		}
		if file == "" {
			return write(c.OutOrStdout())
		}
		return writeWhole(file, write)
	}
	return c
}

func exportUser(ctx context.Context, remote *client.Client, user string, w io.Writer) error {
	if err := remote.Export(ctx, user, w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// writeWhole writes a file that appears under its name when all of it is written, or to
// what stands there and is no file, as a pipe.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
