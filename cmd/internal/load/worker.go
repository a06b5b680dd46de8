package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"reddot/cmd/internal/load/event"
	"reddot/cmd/internal/load/http1"
	"reddot/cmd/internal/load/poller"
	"reddot/cmd/internal/load/report"
)

const (
	never          = int64(1) << 62
	tick           = int64(20 * time.Millisecond)
	reconnectPause = 100 * time.Millisecond // before a connection comes back
	restFor        = 20 * time.Millisecond  // after a publisher's failure
)

// A worker is one goroutine with its share of the users, their connections and
// the publishers.
type worker struct {
	b       *bench
	cfg     *Config
	id      int
	limit   int64 // up to this rev counts follow from the number of messages
	p       poller.Poller
	users   []user
	conns   []*conn
	pubs    []*publisher
	idle    []*publisher
	random  *rand.Rand
	scratch []byte // the request that is being written
	to      []byte // the audience that is being written
	lot     []int  // the users of the batch that is being written
	event   event.Event

	// feed gives a publisher its next request, due at the time, or returns
	// false: there is none now.
	feed     func(p *publisher, due int64) bool
	interval float64 // between two requests in open loop, ns; 0: closed loop
	began    int64   // of the open loop
	nth      int64   // request of the open loop

	singles  singles
	sequence sequence
	failed   int // requests that set something up

	waiting  []*conn // to be started
	starting int
	up       int // connections that are live
	failures int
	queue    []timed
	pingFrom int64 // when the present round of MQTT's pings began
	pinged   int   // how many of the connections have had their turn in it
	tickAt   int64
	marks    []mark

	from, upTo int64 // what is measured
	since      int64 // deliveries count from then, if not from when they were sent
	returning  int   // connections that have not yet what they missed
	arrivedIn  uint64
	tally      tally
	done       [opKinds]uint64 // requests
	answers    report.Latencies
	deliveries report.Latencies
	fatal      error
	told       int // faults logged
	lastError  string
}

// A timed thing is done at a time.
type timed struct {
	at   int64
	conn *conn
	pub  *publisher
}

// A mark is something that a script wants done at a time.
type mark struct {
	at int64
	do func()
}

func newWorker(b *bench, id int) (*worker, error) {
	p, err := poller.New(b.secure)
	if err != nil {
		return nil, err
	}
	w := &worker{
		b: b, cfg: &b.cfg, id: id, p: p,
		limit:   b.limit(),
		random:  rand.New(rand.NewPCG(uint64(b.start.UnixNano()), uint64(id))),
		answers: report.NewLatencies(), deliveries: report.NewLatencies(),
		from: never, upTo: never, singles: newSingles(&b.cfg),
	}
	n := b.cfg.Workers
	w.users = make([]user, (b.cfg.Users-id+n-1)/n)
	for i := range w.users {
		w.users[i].conns, w.users[i].deaf = int32(b.cfg.Connections), !b.cfg.belongs(w.name(i))
		for range b.cfg.Connections {
			k := len(w.conns)*n + id
			w.conns = append(w.conns, &conn{w: w, u: &w.users[i], name: w.name(i), nth: k, to: b.target(k), from: b.source(k), gone: true})
		}
	}
	for k := id; k < b.cfg.Publishers; k += n {
		p := &publisher{w: w, to: b.target(k), from: b.source(k), nth: len(w.pubs)}
		if p.to != nil {
			p.caller = http1.NewCaller(w.dial(p.from, p.to), p)
		}
		if b.cfg.PublishBy == "mqtt" {
			p.broker = &mqttPublisher{p: p}
		}
		w.pubs = append(w.pubs, p)
	}
	w.idle = append(w.idle, w.pubs...)
	return w, nil
}

// dial says how HTTP's callers connect.
func (w *worker) dial(from netip.Addr, to *http1.Target) http1.Dialer {
	return http1.Dialer{Poller: w.p, From: from, To: to.Addr, Now: w.now}
}

// now returns the nanoseconds since the run began.
func (w *worker) now() int64 { return int64(time.Since(w.b.start)) }

// name returns the number in a user's name.
func (w *worker) name(user int) int { return user*w.cfg.Workers + w.id }

func (w *worker) connsOf(user int) []*conn {
	k := w.cfg.Connections
	return w.conns[user*k : (user+1)*k]
}

func (w *worker) appendName(b []byte, name int) []byte {
	b = append(b, w.b.prefix...)
	for n := 100_000; n > name && n > 1; n /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(name), 10)
}

// appendUser appends a user's path.
func (w *worker) appendUser(b []byte, name int) []byte {
	return w.appendName(append(b, "/v1/users/"...), name)
}

// appendHead appends the fields that every request has.
func (w *worker) appendHead(b []byte, to *http1.Target) []byte {
	b = append(append(append(b, "Host: "...), to.Host...), "\r\n"...)
	if w.cfg.Token != "" {
		b = append(append(append(b, "Authorization: Bearer "...), w.cfg.Token...), "\r\n"...)
	}
	return b
}

// until serves until done says so; false if the limit came first.
func (w *worker) until(ctx context.Context, limit int64, done func() bool) bool {
	for w.fatal == nil && !done() {
		now := w.now()
		if now >= w.tickAt {
			w.tick(ctx, now)
		}
		if now >= limit {
			return false
		}
		next := min(limit, w.tickAt)
		if w.interval > 0 && w.feed != nil {
			next = min(next, w.pace(now))
		} else if w.feed != nil && len(w.idle) > 0 {
			w.feedIdle(now)
			next = min(next, w.singles.nextFeed())
			if w.cfg.Workers > 1 { // another's arrivals may make work for this one
				next = min(next, now+int64(200*time.Microsecond))
			}
		}
		if err := w.p.Wait(w.b.start.Add(time.Duration(next))); err != nil {
			w.fatal = err
		}
	}
	return true
}

// tick does what need not be done at once.
func (w *worker) tick(ctx context.Context, now int64) {
	w.tickAt = now + tick
	if err := ctx.Err(); err != nil {
		w.fatal = err
		return
	}
	w.keepMarks(now)
	if w.cfg.Transport == MQTT {
		w.pingSome(now)
	}
	for _, p := range w.pubs {
		p.expire(now - int64(w.cfg.Timeout))
	}
	due := w.queue
	w.queue = nil
	for _, t := range due {
		switch {
		case t.at > now:
			w.queue = append(w.queue, t)
		case t.pub != nil:
			w.ready(t.pub)
		case t.conn.live && t.conn.caller != nil && !t.conn.gone:
			t.conn.poll()
		case t.conn.gone && !t.conn.away:
			w.begin(t.conn)
		}
	}
	w.b.live[w.id].set(&w.tally, w.up)
}

// keepMarks does what is due, and has the next tick come in time for the next.
func (w *worker) keepMarks(now int64) {
	for len(w.marks) > 0 && w.marks[0].at <= now {
		do := w.marks[0].do
		w.marks = w.marks[1:]
		do()
	}
	if len(w.marks) > 0 {
		w.tickAt = min(w.tickAt, w.marks[0].at)
	}
}

// measure sets what is measured: from begin and the warm-up on.
func (w *worker) measure(begin int64) {
	w.from = begin + int64(w.cfg.WarmUp)
	w.upTo = w.from + int64(w.cfg.Duration)
	if w.id == 0 {
		w.marks = []mark{{w.from, w.b.measureStart}, {w.upTo, w.b.measureEnd}}
		w.keepMarks(w.now())
	}
}

// measured serves until the measured time is over.
func (w *worker) measured(ctx context.Context) error {
	w.until(ctx, w.upTo, func() bool { return false })
	if w.fatal == nil {
		w.keepMarks(w.now())
	}
	return w.fatal
}

// pace sends what is due in open loop and returns when the next is.
func (w *worker) pace(now int64) int64 {
	for len(w.idle) > 0 {
		due := w.began + int64(float64(w.nth)*w.interval)
		if due > now {
			return due
		}
		p := w.idle[len(w.idle)-1]
		w.idle = w.idle[:len(w.idle)-1]
		if !w.feed(p, due) {
			w.idle = append(w.idle, p)
			return never
		}
		w.nth++
	}
	return never // the next answer goes on
}

// feedIdle gives idle publishers work in closed loop, as far as there is any.
func (w *worker) feedIdle(now int64) {
	for len(w.idle) > 0 && w.feed != nil {
		p := w.idle[len(w.idle)-1]
		w.idle = w.idle[:len(w.idle)-1]
		if !w.feed(p, now) {
			w.idle = append(w.idle, p)
			return
		}
	}
}

// ready takes a publisher whose request is done.
func (w *worker) ready(p *publisher) {
	if w.interval == 0 && w.feed != nil && w.feed(p, w.now()) {
		return
	}
	w.idle = append(w.idle, p)
}

// rest has a publisher pause after a failure.
func (w *worker) rest(p *publisher) {
	w.queue = append(w.queue, timed{at: w.now() + int64(restFor), pub: p})
}

// later has a connection poll or come back after a pause.
func (w *worker) later(c *conn, d time.Duration) {
	w.queue = append(w.queue, timed{at: w.now() + int64(d), conn: c})
}

// begin starts a connection as soon as its turn has come.
func (w *worker) begin(c *conn) {
	if w.starting >= max(1, w.cfg.Connecting/w.cfg.Workers) {
		w.waiting = append(w.waiting, c)
		return
	}
	w.starting++
	c.start()
}

// started counts a connection that has started.
func (w *worker) started(*conn) {
	w.starting--
	w.up++
	w.beginNext()
}

func (w *worker) beginNext() {
	if n := len(w.waiting); n > 0 && w.fatal == nil {
		c := w.waiting[n-1]
		w.waiting = w.waiting[:n-1]
		w.begin(c)
	}
}

// dropped counts a connection that has ended or has not started, and lets it come
// back.
func (w *worker) dropped(c *conn, err error) {
	if c.live {
		w.up--
	} else {
		w.starting--
		w.failures++
		if w.failures > 3*len(w.conns)+100 {
			w.fatal = fmt.Errorf("%w: connections don't start: %w", ErrStalled, err)
		}
		w.beginNext()
	}
	c.live = false
	w.lastError = err.Error()
	w.tally.fail("connection: "+reason(err), 1)
	w.tally.reconnects++
	w.later(c, reconnectPause+time.Duration(w.random.Int64N(int64(reconnectPause))))
}

// measuring tells whether what was due at the time is measured.
func (w *worker) measuring(due int64) bool { return due >= w.from && due < w.upTo }

// delivered notes a delivery.
func (w *worker) delivered(s stamp, now int64) {
	w.tally.delivered++
	if now >= w.from && now < w.upTo {
		w.arrivedIn++
	}
	switch {
	case w.since > 0:
		w.deliveries.Record(now - w.since)
	case w.measuring(s.sent):
		w.deliveries.Record(now - s.sent)
	}
}

// arrived notes a broadcast's delivery.
func (w *worker) arrived(s stamp) {
	if s.user < 0 {
		w.b.window.arrived(s.n)
	}
}

// fault counts a fault, and says what the first few were.
func (w *worker) fault(count *uint64, c *conn, format string, args ...any) {
	*count++
	if w.told++; w.told > 5 {
		return
	}
	who := ""
	if c != nil {
		who = "user " + string(w.appendName(nil, c.name)) + ": "
	}
	w.b.say("fault: " + who + fmt.Sprintf(format, args...))
}
