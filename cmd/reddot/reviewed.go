package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

// The commands that templates and campaigns share: both are reviewed.

// clientCommand makes a command whose function gets a client.
func clientCommand(c *cobra.Command, do func(c *cobra.Command, r *remote, at *client.Client, args []string) error) *cobra.Command {
	r := addRemote(c)
	r.addJSON(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		at, err := r.client()
		if err != nil {
			return err
		}
		return do(c, r, at, args)
	}
	return c
}

// one names a text of a kind.
func one(of client.Texts) string { return strings.TrimSuffix(string(of), "s") }

func newVersions(of client.Texts) *cobra.Command {
	return clientCommand(&cobra.Command{Use: "versions ID", Short: "List the versions of a " + one(of), Args: exactly("ID")},
		func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
			x, err := at.ReadText(c.Context(), of, args[0], 0)
			if err != nil {
				return err
			}
			if r.json {
				return writeJSON(c.OutOrStdout(), x.Versions)
			}
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "VERSION\tSTATE\tHASH\tWRITTEN\tBY\tDECIDED BY\tREASON")
			for i := range x.Versions {
				v := &x.Versions[i]
				by := "-"
				if v.Decided != nil {
					by = v.Decided.By
				}
				fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Version, v.State, shortHash(v.Hash), minute(&v.Written.At), v.Written.By, by, inLine(v.Reason))
			}
			return t.Flush()
		})
}

// shortHash is as much of a hash as people compare.
func shortHash(hash string) string { return hash[:min(len(hash), 12)] }

func newPut(of client.Texts) *cobra.Command {
	return clientCommand(&cobra.Command{Use: "put ID FILE", Short: "Write a version of a " + one(of) + " from a file with JSON; - reads standard input", Args: exactly("ID", "FILE")},
		func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
			body, err := readInput(c, args[1])
			if err != nil {
				return err
			}
			x, err := at.PutText(c.Context(), of, args[0], body)
			if err != nil {
				return err
			}
			return r.printReviewed(c, &x)
		})
}

// printReviewed says where a version is on its way.
func (r *remote) printReviewed(c *cobra.Command, x *client.Reviewed) error {
	if r.json {
		return writeJSON(c.OutOrStdout(), x)
	}
	_, err := fmt.Fprintf(c.ErrOrStderr(), "%s version %d is %s, hash %s\n", x.ID, x.Version, x.State, shortHash(x.Hash))
	return err
}

func newArchive(of client.Texts) *cobra.Command {
	return clientCommand(&cobra.Command{Use: "archive ID", Short: "Let nothing of a " + one(of) + " be sent any more", Args: exactly("ID")},
		func(c *cobra.Command, _ *remote, at *client.Client, args []string) error {
			if err := at.ArchiveText(c.Context(), of, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "archived %s\n", args[0])
			return nil
		})
}

// newMove makes the command of a move.
func newMove(of client.Texts, move, use, short string, args cobra.PositionalArgs) *cobra.Command {
	return clientCommand(&cobra.Command{Use: use, Short: short, Args: args}, func(c *cobra.Command, r *remote, at *client.Client, args []string) error {
		m := client.Move{}
		if len(args) > 1 {
			var err error
			if m.Version, err = parseVersion(c, args[1]); err != nil {
				return err
			}
		}
		if move == "reject" {
			m.Reason = args[2]
		}
		if move == "approve" {
			var err error
			if m.Hash, err = wholeHash(c, at, of, args[0], m.Version, args[2]); err != nil {
				return err
			}
		}
		x, err := at.MoveText(c.Context(), of, args[0], move, m)
		if err != nil {
			return err
		}
		return r.printReviewed(c, &x)
	})
}

func parseVersion(c *cobra.Command, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usageError{fmt.Errorf("VERSION %s: write a version's number", text), c.CommandPath()}
	}
	return n, nil
}

// leastHash is how many digits of a hash say which one is meant.
const leastHash = 8

// wholeHash returns the hash of a version that begins as the reviewer has read it.
func wholeHash(c *cobra.Command, at *client.Client, of client.Texts, id string, version uint64, begins string) (string, error) {
	if len(begins) < leastHash {
		return "", usageError{fmt.Errorf("HASH %s: write at least %d of its digits", begins, leastHash), c.CommandPath()}
	}
	x, err := at.ReadText(c.Context(), of, id, version)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(x.Hash, begins) {
		return "", fmt.Errorf("version %d of %s has another hash, %s: read it again", version, id, shortHash(x.Hash))
	}
	return x.Hash, nil
}
