package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"reddot/actors"
)

// jobKind is the kind of the records of jobs; their keys are the app, a slash and the
// job's name.
const jobKind = "job"

// mostJobs is how many jobs of an app are kept.
const mostJobs = 1000

// Jobs are the jobs of all apps. It is safe for concurrent use, also by several nodes
// on the same records.
type Jobs struct {
	records actors.SwapRecords
	now     func() time.Time
}

// NewJobs returns the jobs that are kept in the records.
func NewJobs(records actors.SwapRecords, now func() time.Time) *Jobs { return &Jobs{records, now} }

func jobKey(app, id string) string { return app + "/" + id }

// Read returns a job, or an Error with NotFound.
func (j *Jobs) Read(ctx context.Context, app, id string) (*Job, error) {
	job, _, err := j.read(ctx, app, id)
	return job, err
}

func (j *Jobs) read(ctx context.Context, app, id string) (*Job, []byte, error) {
	raw, err := j.records.ReadRecord(ctx, jobKind, jobKey(app, id))
	if err != nil && actors.AsError(err).Code == actors.NotFound {
		return nil, nil, actors.Errorf(actors.NotFound, "there is no job %s", id)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("job %s: read: %w", id, err)
	}
	job, err := decodeJob(id, raw)
	return job, raw, err
}

func decodeJob(id string, raw []byte) (*Job, error) {
	job := &Job{}
	if err := json.Unmarshal(raw, job); err != nil {
		return nil, fmt.Errorf("job %s: decode: %w", id, err)
	}
	return job, nil
}

// List returns up to limit of an app's jobs in the order of their names, from behind
// one on, without their errors; and the name behind which to go on, empty: there are
// no more.
func (j *Jobs) List(ctx context.Context, app, after string, limit int) (list []*Job, next string, err error) {
	records, err := j.records.ListRecords(ctx, jobKind, jobKey(app, after), limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list the jobs: %w", err)
	}
	for _, r := range records {
		id, ok := strings.CutPrefix(r.Key, jobKey(app, ""))
		if !ok {
			break
		}
		if len(list) == limit {
			return list, list[limit-1].ID, nil
		}
		job, err := decodeJob(id, r.Value)
		if err != nil {
			return nil, "", err
		}
		job.Errors = nil
		list = append(list, job)
	}
	return list, "", nil
}

// End cancels a job that goes on or could, which whoever works on it finds out, and
// forgets one that has ended.
func (j *Jobs) End(ctx context.Context, app, id string) error {
	for range mostSwaps {
		job, raw, err := j.read(ctx, app, id)
		if err != nil {
			return err
		}
		var value []byte
		if job.State == Running || job.State == Paused {
			job.State, job.Run, job.Updated = Cancelled, "", j.time()
			value = mustAppend(nil, job)
		}
		err = j.records.SwapRecord(ctx, jobKind, jobKey(app, id), raw, value)
		if err == nil || actors.AsError(err).Code != actors.Conflict {
			return err
		}
	}
	return actors.Errorf(actors.Busy, "the job %s changes all the time; try again", id)
}

// mostSwaps is how many times a change of a record is tried that others change, too.
const mostSwaps = 16

func (j *Jobs) time() time.Time { return j.now().UTC().Truncate(time.Millisecond) }

// A claim is the right to work on a job, until somebody else takes it.
type claim struct {
	jobs *Jobs
	app  string
	job  *Job
	raw  []byte // as it is stored
}

// errTaken ends an import whose job is somebody else's by now.
var errTaken = actors.Errorf(actors.Conflict, "another request has taken the job over, or it was cancelled")

// begin returns the right to work on the job as want has it, which is made unless it is
// there. Whoever works on it writes it down all the time: what comes in between is no
// reason to fail.
func (j *Jobs) begin(ctx context.Context, app string, want Job) (*claim, error) {
	for range mostSwaps {
		c, err := j.claim(ctx, app, want)
		if err != nil {
			return nil, err
		}
		if err = c.save(ctx); !errors.Is(err, errTaken) {
			return c, err
		}
	}
	return nil, actors.Errorf(actors.Busy, "the job %s changes all the time; try again", want.ID)
}

// claim returns the claim to a job as it is by now, which is not written down yet.
func (j *Jobs) claim(ctx context.Context, app string, want Job) (*claim, error) {
	c := &claim{jobs: j, app: app}
	job, raw, err := j.read(ctx, app, want.ID)
	switch {
	case err != nil && actors.AsError(err).Code != actors.NotFound:
		return nil, err
	case err != nil:
		if err := j.room(ctx, app); err != nil {
			return nil, err
		}
		want.Kind, want.Created = "import", j.time()
		c.job = &want
	case job.State == Done || job.State == Cancelled:
		return nil, actors.Errorf(actors.Conflict, "the job %s is %s; take another name, or DELETE it first", job.ID, job.State)
	case job.Format != want.Format || job.Mode != want.Mode:
		return nil, actors.Errorf(actors.Conflict, "the job %s is of the format %s and the mode %s", job.ID, job.Format, job.Mode)
	default:
		c.job, c.raw = job, raw
	}
	c.job.State, c.job.Run = Running, actors.NewID().String()
	return c, nil
}

// room tells whether an app may have one more job.
func (j *Jobs) room(ctx context.Context, app string) error {
	n := 0
	for after := ""; ; {
		list, next, err := j.List(ctx, app, after, 100)
		if err != nil {
			return err
		}
		if n += len(list); n >= mostJobs {
			return actors.Errorf(actors.Conflict, "the app has %d jobs, as many as it may; DELETE those that are done", n)
		}
		if after = next; next == "" {
			return nil
		}
	}
}

// save writes the job down, unless it is somebody else's by now.
func (c *claim) save(ctx context.Context) error {
	c.job.Updated = c.jobs.time()
	value := mustAppend(nil, c.job)
	err := c.jobs.records.SwapRecord(ctx, jobKind, jobKey(c.app, c.job.ID), c.raw, value)
	if err != nil && actors.AsError(err).Code == actors.Conflict {
		// It may be a try of before, whose outcome was unknown.
		if now, readErr := c.jobs.records.ReadRecord(ctx, jobKind, jobKey(c.app, c.job.ID)); readErr != nil || !bytes.Equal(now, value) {
			return errTaken
		}
		err = nil
	}
	if err != nil {
		return fmt.Errorf("job %s: store: %w", c.job.ID, err)
	}
	c.raw = value
	return nil
}
