package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reddot/cmd/internal/client"
)

// newUserImport imports many users.
func newUserImport() *cobra.Command {
	im := client.Import{Mode: "merge"}
	var replace bool
	var patience time.Duration
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Write the profiles of many users, a line each",
		Long: `Write the profiles of many users. FILE is NDJSON or, if its name ends with .csv, CSV;
- reads the standard input. A line is merged into what is known of its user, or
replaces it with --replace. Bad lines are printed, one JSON object each; what is
wrong with one does not concern the others.

It goes on by itself where the connection breaks off or the server starts anew, and
when it is run again with the same file.`,
		Example: `  echo '{"user":"alice","tags":["vip"],"attributes":{"city":"Shanghai"}}' | reddot user import -
  reddot user import users.csv > bad.ndjson`,
		Args: exactly("FILE"),
	}
	r := addRemote(c)
	c.Flags().BoolVar(&replace, "replace", false, "what a line leaves out of the profile is no longer known")
	c.Flags().StringVar(&im.Job, "job", "", "the `NAME` of the job; without it one that stands for the file as it is now")
	c.Flags().StringVar(&im.Format, "format", "", "ndjson or csv; without it what the file's name says")
	c.Flags().DurationVar(&patience, "patience", 5*time.Minute, "how long a server is waited for that does not answer any more")
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := r.client()
		if err != nil {
			return err
		}
		if replace {
			im.Mode = "replace"
		}
		if im.Format == "" {
			im.Format = "ndjson"
			if strings.HasSuffix(args[0], ".csv") {
				im.Format = "csv"
			}
		}
		p := &importer{remote: remote, Import: im, out: c.OutOrStdout(), info: c.ErrOrStderr(), patience: patience}
		if args[0] == "-" {
			p.Offset = -1
			return p.once(c.Context(), c.InOrStdin())
		}
		f, err := os.Open(filepath.Clean(args[0]))
		if err != nil {
			return err
		}
		defer f.Close()
		return p.file(c.Context(), f)
	}
	return c
}

// An importer imports one stream.
type importer struct {
	client.Import
	remote    *client.Client
	out, info io.Writer
	patience  time.Duration
	began     time.Time
	before    int // lines that were done before
	told      time.Time
	reached   bool // the server has answered once: if it does not now, it is waited for
}

// once imports what can be read only once.
func (p *importer) once(ctx context.Context, in io.Reader) error {
	last, err := p.send(ctx, in)
	if err != nil && last.Job != "" {
		return fmt.Errorf("%w; the same input goes on with --job %s", err, last.Job)
	}
	return err
}

// file imports a file, over and over until all of it is taken.
func (p *importer) file(ctx context.Context, f *os.File) error {
	if p.Job == "" {
		name, err := jobOf(f, p.Import)
		if err != nil {
			return err
		}
		p.Job = name
	}
	var failed time.Time
	for {
		err := p.resume(ctx, f)
		var broken interface{ Temporary() bool }
		var nobody *client.UnreachableError
		again := errors.As(err, &nobody) && p.reached || errors.As(err, &broken) && broken.Temporary() || errors.Is(err, errPaused)
		switch {
		case err == nil || ctx.Err() != nil || !again:
			return err
		case failed.IsZero() || p.told.After(failed):
			failed = time.Now() // it has come on since
		case time.Since(failed) > p.patience:
			return err
		}
		fmt.Fprintf(p.info, "%v; it goes on\n", err)
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// jobOf returns the name of the job that imports a file as it is now.
func jobOf(f *os.File, im client.Import) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(f.Name())
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%s\x00%s", path, info.Size(), info.ModTime().UnixNano(), im.Mode, im.Format))
	return "file-" + hex.EncodeToString(sum[:8]), nil
}

// resume imports what the job has not taken yet.
func (p *importer) resume(ctx context.Context, f *os.File) error {
	job, err := p.remote.Job(ctx, p.Job)
	var problem *client.Problem
	p.reached = p.reached || err == nil || errors.As(err, &problem)
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusNotFound:
		job = client.Progress{}
	case err != nil:
		return err
	case job.State == "done":
		p.progress(job)
		fmt.Fprintf(p.info, "the job %s is done\n", p.Job)
		return nil
	}
	p.Offset, p.before, p.began = job.Offset, job.Lines, time.Now()
	if _, err := f.Seek(job.Offset, io.SeekStart); err != nil {
		return err
	}
	_, err = p.send(ctx, f)
	return err
}

// errPaused says that the server could not go on.
var errPaused = errors.New("the import is paused")

func (p *importer) send(ctx context.Context, in io.Reader) (client.Progress, error) {
	if p.began.IsZero() {
		p.began = time.Now()
	}
	var failed error
	last, err := p.remote.ImportUsers(ctx, p.Import, in, func(b client.BadLine) {
		if err := writeJSON(p.out, b); failed == nil {
			failed = err
		}
	}, p.progress)
	switch {
	case err != nil:
		return last, err
	case last.State == "paused":
		return last, fmt.Errorf("%w: %s", errPaused, last.Detail)
	case last.State == "cancelled":
		return last, errors.New("the job was cancelled, or another import has taken it over")
	}
	return last, failed
}

// progress tells people how far it is.
func (p *importer) progress(now client.Progress) {
	p.told = time.Now()
	rate := 0.0
	if took := time.Since(p.began).Seconds(); took > 0 && !p.began.IsZero() {
		rate = float64(now.Lines-p.before) / took
	}
	fmt.Fprintf(p.info, "%s: %s, %s written, %s bad, %.0f lines/s (job %s)\n",
		now.State, number(now.Lines, "line"), number(now.Done, "user"), number(now.Bad, "line"), rate, now.Job)
}
