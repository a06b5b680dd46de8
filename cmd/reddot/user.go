package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

func newUser() *cobra.Command {
	c := &cobra.Command{
		Use:   "user",
		Short: "See to what is known of a user",
		Args:  exactly(),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newUserGet(), newUserSet(), newUserImport(), newUserExport(), newUserErase())
	return c
}

// newUserGet shows a part of what is known.
func newUserGet() *cobra.Command {
	var preferences, follows bool
	c := &cobra.Command{
		Use:   "get USER",
		Short: "Show a user's profile, preferences or follows, as JSON",
		Example: `  reddot user get alice | jq .tags
  reddot user get alice --preferences`,
		Args: exactly("USER"),
	}
	r := addRemote(c)
	c.Flags().BoolVar(&preferences, "preferences", false, "what the user prefers")
	c.Flags().BoolVar(&follows, "follows", false, "the topics that the user follows")
	c.MarkFlagsMutuallyExclusive("preferences", "follows")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		part := ""
		switch {
		case preferences:
			part = "preferences"
		case follows:
			part = "follows"
		}
		known, err := remote.Profile(c.Context(), args[0], part)
		if err != nil {
			return err
		}
		return writeJSON(c.OutOrStdout(), known)
	}
	return c
}

// newUserSet writes a profile or preferences.
func newUserSet() *cobra.Command {
	var replace, preferences bool
	c := &cobra.Command{
		Use:   "set USER FILE",
		Short: "Change a user's profile by a merge patch, or replace it",
		Long: `Change a user's profile. FILE is JSON; - reads the standard input. Without
--replace it is a merge patch (RFC 7396): null removes a member, attributes are
changed by their names and addresses by their channels. Preferences are always
replaced.`,
		Example: `  echo '{"tags":["vip"],"attributes":{"city":null}}' | reddot user set alice -
  reddot user set alice preferences.json --preferences`,
		Args: exactly("USER", "FILE"),
	}
	r := addRemote(c)
	c.Flags().BoolVar(&replace, "replace", false, "what FILE leaves out is no longer known")
	c.Flags().BoolVar(&preferences, "preferences", false, "what the user prefers, in place of the profile")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		body, err := readInput(c, args[1])
		if err != nil {
			return err
		}
		method, part := http.MethodPatch, ""
		if preferences {
			part = "preferences"
		}
		if replace || preferences {
			method = http.MethodPut
		}
		known, err := remote.SetProfile(c.Context(), method, args[0], part, body)
		if err != nil {
			return err
		}
		return writeJSON(c.OutOrStdout(), known)
	}
	return c
}

// maxInput bounds what a command reads, in bytes; a server takes no more.
const maxInput = 1 << 20

// readInput returns a file's content, or that of the standard input for "-".
func readInput(c *cobra.Command, name string) ([]byte, error) {
	in := c.InOrStdin()
	if name != "-" {
		f, err := os.Open(filepath.Clean(name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("%s has more than %d bytes", name, maxInput)
	}
	return b, err
}

// newUserErase erases a user.
func newUserErase() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "erase USER",
		Short: "Erase a user: messages, profile, sessions, history",
		Long: `Erase all that there is of a user. Whoever is connected as the user starts anew.
What was stored leaves the server's files within store.erase_within; backups keep
it until they are deleted.`,
		Example: `  reddot user export alice > alice.json
  reddot user erase alice --yes`,
		Args: exactly("USER"),
	}
	c.Flags().BoolVar(&yes, "yes", false, "needed: it can't be undone")
	return remoteRun(c, func(c *cobra.Command, remote *client.Client, user string) error {
		if !yes {
			return usageError{fmt.Errorf("it can't be undone: say --yes"), c.CommandPath()}
		}
		return remote.Erase(c.Context(), user)
	})
}

// remoteRun lets c do something about one user of a server.
func remoteRun(c *cobra.Command, do func(c *cobra.Command, remote *client.Client, user string) error) *cobra.Command {
	r := addRemote(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		return do(c, remote, args[0])
	}
	return c
}
