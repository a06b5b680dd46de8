package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/transports"
	"reddot/transports/api/userjson"
)

// Config says how imports behave. Zero takes the default.
type Config struct {
	Window     int           // lines of an import under way; 1,000
	Line       int           // bytes of a line; longestLine
	Checkpoint time.Duration // after how long a job's record is written again; 1 s
	Patience   time.Duration // how long a line is tried again whose user can't be reached; 1 minute
	Answer     time.Duration // how long an answer is waited for; 10 s
}

// longestLine is how many bytes an export may make of one user: six of each that is kept,
// as a control character has in JSON, and twice the quotes of names in CSV.
const longestLine = 8 * (profile.MaxSize + profile.MaxPreferencesSize + profile.MaxFollowsSize + profile.MaxListsSize)

func (c *Config) fill() {
	or := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	if c.Window == 0 {
		c.Window = 1000
	}
	if c.Line == 0 {
		c.Line = longestLine
	}
	or(&c.Checkpoint, time.Second)
	or(&c.Patience, time.Minute)
	or(&c.Answer, 10*time.Second)
}

// Deps are what imports rest on.
type Deps struct {
	Router  actors.Router
	Jobs    *Jobs
	Metrics *Metrics
	Log     *slog.Logger
}

// An Order says what is to be imported.
type Order struct {
	App    string
	By     string // a Principal's ID
	Job    string // its name; empty: one is made
	Format Format
	Mode   Mode
	Offset int64 // where in the stream the body begins; below 0: at its start, of which what was taken is skipped
}

// An Import is one request's work on a job.
type Import struct {
	cfg     Config
	log     *slog.Logger
	metrics *Metrics
	claim   *claim
	source  source
	window  *window
	state   State // how this request ended

	broken atomic.Pointer[error] // why reading ended before the stream's end
	end    chan struct{}         // closed when nothing more is read
}

// Begin takes the job and reads as far as the header of a CSV stream. Run does the rest.
func Begin(ctx context.Context, cfg Config, deps Deps, o Order, body io.Reader) (*Import, error) {
	cfg.fill()
	if o.Job == "" {
		o.Job = actors.NewID().String()
	}
	c, err := deps.Jobs.begin(ctx, o.App, Job{ID: o.Job, Format: o.Format, Mode: o.Mode, By: o.By})
	if err != nil {
		return nil, err
	}
	im := &Import{cfg: cfg, log: deps.Log, metrics: deps.Metrics, claim: c, state: Paused, end: make(chan struct{})}
	if err := im.open(o, body); err != nil {
		return nil, errors.Join(err, im.pause(ctx))
	}
	w := &window{
		router: deps.Router, app: o.App, patch: o.Mode == Merge, patience: cfg.Patience, answer: cfg.Answer,
		once: func(line int, text []byte) actors.Once {
			return actors.CallersOnce("import/"+o.App+"/"+o.Job+"/"+c.job.Created.String(), strconv.Itoa(line), []byte(o.Mode), text)
		},
	}
	im.window = w.ready(cfg.Window)
	return im, nil
}

// Job returns the job's name.
func (im *Import) Job() string { return im.claim.job.ID }

// open stands the source where the job goes on.
func (im *Import) open(o Order, body io.Reader) error {
	job := im.claim.job
	switch {
	case o.Offset >= 0 && o.Offset != job.Offset:
		return &actors.Error{Code: actors.Conflict, Field: "offset", Detail: fmt.Sprintf("the job goes on at byte %d of the stream", job.Offset)}
	case o.Offset < 0:
		if n, err := io.CopyN(io.Discard, body, job.Offset); err != nil {
			return actors.Errorf(actors.Invalid, "the stream has %d bytes, and the job has taken %d: it is another one", n, job.Offset)
		}
	}
	if job.Format == NDJSON {
		im.source = newNDJSON(body, job.Offset, im.cfg.Line)
		return nil
	}
	first := job.Columns == nil
	s, columns, err := newRows(body, job.Offset, im.cfg.Line, job.Columns)
	if err != nil {
		return err
	}
	if im.source = s; first {
		job.Columns = columns
		job.Offset, job.Lines = s.in.InputOffset(), 1
	}
	return nil
}

// Run works until the stream ends or breaks off, or the job is taken over. It gives emit
// lines of the answer: bad lines, how far it is and, last, how it ended. An error says
// that emit has failed, or that the answer has to break off.
func (im *Import) Run(ctx context.Context, emit func([]byte) error) error {
	end := im.metrics.run()
	defer func() { end(im.state) }()
	go im.read(im.claim.job.Lines)
	tick := time.NewTicker(im.cfg.Checkpoint)
	defer tick.Stop()
	var out []byte
	var list []result
	for ended := im.end; ; {
		due := false
		select {
		case <-im.window.news:
		case <-tick.C:
			due = true
		case <-ended:
			ended = nil
		}
		var idle bool
		var lost error
		list, idle, lost = im.window.take(list[:0])
		out = im.note(out[:0], list)
		over := lost != nil || ended == nil && idle
		if due && !over {
			if err := im.claim.save(ctx); err != nil {
				return im.stop(emit, out, err)
			}
			out = append(mustAppend(out, im.claim.job.progress()), '\n')
		}
		if over {
			return im.finish(ctx, emit, out, lost)
		}
		if len(out) == 0 {
			continue
		}
		if err := emit(out); err != nil {
			im.window.close()
			return errors.Join(err, im.pause(ctx))
		}
	}
}

// note takes results into the job, and appends what is told of them.
func (im *Import) note(out []byte, list []result) []byte {
	for i := range list {
		im.claim.job.note(&list[i])
		im.metrics.note(&list[i])
		if list[i].err != nil {
			out = append(mustAppend(out, lineError(list[i].line, list[i].err)), '\n')
		}
	}
	return out
}

// finish writes down how it ended, and tells it.
func (im *Import) finish(ctx context.Context, emit func([]byte) error, out []byte, lost error) error {
	im.window.close()
	why := lost
	if broken := im.broken.Load(); broken != nil && lost == nil {
		why = *broken
	}
	job := im.claim.job
	if job.State = Done; why != nil {
		job.State = Paused
	}
	if err := im.claim.save(ctx); err != nil {
		return im.stop(emit, out, err)
	}
	p := job.progress()
	im.state = job.State
	if why != nil {
		p.Detail = transports.ProblemOf(why).Detail
	}
	return emit(append(mustAppend(out, p), '\n'))
}

// stop ends where the job's record can't be written: it goes on where that says.
func (im *Import) stop(emit func([]byte) error, out []byte, why error) error {
	im.window.close()
	p := Progress{Job: im.claim.job.ID, State: Paused, Detail: transports.ProblemOf(why).Detail}
	if errors.Is(why, errTaken) {
		p.State, im.state = Cancelled, Cancelled
	} else {
		im.log.Warn("an import stops, whose job can't be written down", "job", im.claim.job.ID, "err", why)
	}
	return emit(append(mustAppend(out, p), '\n'))
}

// pause writes down how far it is.
func (im *Import) pause(ctx context.Context) error {
	im.claim.job.State = Paused
	return im.claim.save(ctx)
}

// read sends lines until the stream ends.
func (im *Import) read(number int) {
	defer close(im.end)
	defer func() {
		if what := recover(); what != nil {
			im.log.Error("panic in an import", "panic", what, "stack", string(debug.Stack()))
			im.breakOff(errors.New("bulk: panic"))
		}
	}()
	reader := &userjson.Reader{}
	for {
		l, err := im.source.next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			im.breakOff(err)
			return
		}
		if number++; !im.window.add(&l, number, reader) {
			return
		}
	}
}

func (im *Import) breakOff(err error) { im.broken.Store(&err) }

// Ended is closed when nothing more is read from the body.
func (im *Import) Ended() <-chan struct{} { return im.end }
