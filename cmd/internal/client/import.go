package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// An Import says what is imported, and as which job.
type Import struct {
	Job    string // empty: the server makes one
	Mode   string // merge or replace
	Format string // ndjson or csv
	Offset int64  // where in the stream the body begins; below 0: at its start, of which the server skips what it took
}

// Progress says how far an import is; it is a job as it is listed, too.
type Progress struct {
	Job    string `json:"job"`
	State  string `json:"state"` // running, paused, done or cancelled
	Offset int64  `json:"offset"`
	Lines  int    `json:"lines"`
	Done   int    `json:"done"`
	Bad    int    `json:"bad"`
	Detail string `json:"detail"`
}

// BadLine says what is wrong with a line of an import.
type BadLine struct {
	Line   int    `json:"line"`
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail"`
}

// ImportUsers imports users, and calls bad with each line that was refused and progress
// with how far it is. It takes the time that it takes: ctx ends it. It returns the last
// progress; without an error the job is done, paused or cancelled.
func (c *Client) ImportUsers(ctx context.Context, im Import, body io.Reader, bad func(BadLine), progress func(Progress)) (last Progress, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the body may be under way still
	q := url.Values{"mode": {im.Mode}, "format": {im.Format}}
	if im.Job != "" {
		q.Set("job", im.Job)
	}
	if im.Offset >= 0 {
		q.Set("offset", strconv.FormatInt(im.Offset, 10))
	}
	req, err := c.request(ctx, http.MethodPost, "/v1/users/import", q, nil)
	if err != nil {
		return last, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Body, req.ContentLength, req.GetBody = io.NopCloser(body), -1, nil
	res, err := c.http.Do(req)
	if err != nil {
		return last, c.unreachable(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return last, readProblem(res)
	}
	err = c.readLines(res.Body, func(line []byte) error {
		var p Progress
		var b BadLine
		if err := errors.Join(json.Unmarshal(line, &p), json.Unmarshal(line, &b)); err != nil {
			return fmt.Errorf("the answer has a line that is no JSON: %w", err)
		}
		if p.State == "" {
			bad(b)
			return nil
		}
		last = p
		progress(p)
		return nil
	})
	if err != nil {
		return last, err
	}
	if last.State == "running" || last.State == "" {
		return last, c.unreachable(io.ErrUnexpectedEOF)
	}
	return last, nil
}

// Job returns how far a job is.
func (c *Client) Job(ctx context.Context, id string) (Progress, error) {
	req, err := c.request(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return Progress{}, err
	}
	var p Progress
	err = c.do(ctx, req, &p)
	p.Job = id
	return p, err
}
