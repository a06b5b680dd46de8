package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"reddot/actors"
)

// A committer is the engine of one of Postgres's writers: it commits over a
// connection of its own the writes of its shards.
type committer struct {
	p       *Postgres
	conn    *pgx.Conn // nil: none that works
	staged  []*job
	failed  map[*actors.Stream]error // refused in this batch
	session session                  // of the connection, or the one before it
	met     found                    // by conn
	looked  time.Time                // when the database was last found fit
	full    bool                     // the database had no room
	out     bool                     // it does not work, and is to be mended

	connected atomic.Bool // conn may be written to

	unknown atomic.Bool // the last statement may still become durable
}

// A session is the row by which the database knows a committer's connection.
type session struct {
	id      []byte
	version string // who wrote the row
	number  uint64 // from 1; no other session of this store has it
}

var _ mender = (*committer)(nil)

// stage implements engine.
func (c *committer) stage(j *job) { c.staged = append(c.staged, j) }

// commit implements engine.
func (c *committer) commit() error {
	err := c.lookAgain()
	if err == nil {
		err = c.writeStaged()
	}
	clear(c.staged)
	c.staged = c.staged[:0]
	clear(c.failed)
	if err != nil {
		c.broken(err)
	}
	return err
}

// lookAgain looks at the database if the last time is long ago.
func (c *committer) lookAgain() error {
	if c.conn == nil || time.Since(c.looked) < lookPause {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.p.cfg.Timeout)
	defer cancel()
	return c.look(ctx)
}

// writeStaged writes what is staged, sheet by sheet; mostly it is one.
func (c *committer) writeStaged() error {
	if c.conn == nil {
		return errors.New("there is no connection to the database")
	}
	if err := c.p.turning(); err != nil {
		return err
	}
	s := newSheet(c.session)
	for _, j := range c.staged {
		if c.refused(j) || s.add(j) {
			continue
		}
		if err := c.write(s); err != nil {
			return err
		}
		if s = newSheet(c.session); !c.refused(j) {
			s.add(j)
		}
	}
	return c.write(s)
}

// refused refuses a write of a stream of which a write before was refused.
func (c *committer) refused(j *job) bool {
	if j.write != nil {
		j.err = c.failed[j.write.Stream]
		if h := j.write.Stream.History; j.err == nil && h != 0 && h != c.p.History() {
			c.refuse(j, historyError(j.write))
		}
	}
	return j.err != nil
}

func (c *committer) refuse(j *job, err error) {
	j.err = err
	if j.write != nil {
		c.failed[j.write.Stream] = err
	}
}

// write commits a sheet. If rows of it are at fault, each half of it is tried
// alone, until the fault is that of one actor: only its writes are refused.
func (c *committer) write(s *sheet) error {
	if len(s.jobs) == 0 {
		return nil
	}
	good, err := c.exec(s)
	switch {
	case err == nil:
		for _, j := range s.jobs {
			switch {
			case j.write == nil:
			case good[s.places[j.write.Stream.Fence.Shard]-1]:
				j.write.Stream.Wrote(j.write.Last(), s.by.number)
			default:
				c.p.pg.fenced.Inc()
				c.refuse(j, fencedError(j.write.Stream))
			}
		}
		return nil
	case !atFault(err):
		return fmt.Errorf("commit: %w", err)
	}
	first, second := s.halves()
	if second == nil {
		for _, j := range s.jobs {
			c.p.pg.conflicts.Inc()
			c.refuse(j, conflictError(j, err))
		}
		return nil
	}
	if err := c.write(first); err != nil {
		return err
	}
	return c.write(second)
}

// halves splits a sheet by actors and records; second is nil if there is only
// one of them.
func (s *sheet) halves() (first, second *sheet) {
	groups := make(map[any]int)
	group := func(j *job) int {
		var k any
		if j.write != nil {
			k = j.write.Stream.Key
		} else {
			k = recordKey{j.record.kind, j.record.key}
		}
		n, ok := groups[k]
		if !ok {
			n = len(groups)
			groups[k] = n
		}
		return n
	}
	for _, j := range s.jobs {
		group(j)
	}
	if len(groups) == 1 {
		return s, nil
	}
	first, second = newSheet(s.by), newSheet(s.by)
	for _, j := range s.jobs {
		to := first
		if group(j) >= len(groups)/2 {
			to = second
		}
		to.add(j) // it fitted among more
	}
	return first, second
}

// repeats is how often a statement is tried that met another one.
const repeats = 10

// exec runs the sheet's statement and returns which of its shards had the
// epochs asked for.
func (c *committer) exec(s *sheet) (good []bool, err error) {
	q := s.statement()
	for n := 1; ; n++ {
		good, err = c.query(q)
		if err == nil || n == repeats || !collided(err) {
			return good, err
		}
		c.p.pg.repeats.Inc()
	}
}

func (c *committer) query(q *statement) (good []bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.p.cfg.Timeout)
	defer cancel()
	var there bool
	err = c.conn.QueryRow(ctx, q.sql.String(), q.args...).Scan(&there, &good)
	if err == nil && !there {
		err = errNoSession
	}
	return good, err
}

var errNoSession = errors.New("somebody has removed the session of this connection")

// mend implements mender: a new connection, and if there was no room, a look
// whether there is some now.
func (c *committer) mend() error {
	err := c.connect()
	if err == nil && c.full {
		err = c.probe()
	}
	if err == nil {
		c.full, c.out = false, false
		c.unknown.Store(false)
		if c.p.out.Add(-1) == 0 {
			c.p.log.Warn("the database takes writes again")
		}
	}
	return err
}

// broken notes what the outage that begins is about.
func (c *committer) broken(err error) {
	c.full = c.full || noRoom(err)
	c.unknown.Store(c.unknown.Load() || !aborted(err))
	if c.out {
		return
	}
	c.out = true
	c.p.pg.outages.Inc()
	if c.p.out.Add(1) == 1 {
		c.p.log.Error("the database takes no writes; what comes is refused until it does", "err", err)
	}
}

func (c *committer) connect() error {
	c.hangUp()
	ctx, cancel := context.WithTimeout(context.Background(), c.p.cfg.Timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c.p.writing.Copy())
	c.p.reached(err)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	c.conn, c.looked = conn, time.Now()
	c.connected.Store(true) // before it is known that the history is in force
	if c.met, err = c.p.look(ctx, conn, c.p.writerSettings()); err == nil {
		err = c.p.recognize(ctx, conn)
	}
	if err == nil {
		err = c.openSession(ctx)
	}
	if err != nil {
		c.hangUp()
		return fmt.Errorf("connect to the database: %w", err)
	}
	return nil
}

// openSession removes the session before this one, for which it waits until
// that one's last statement has come to its end, and adds a new one.
func (c *committer) openSession(ctx context.Context) error {
	if err := c.closeSession(ctx); err != nil {
		return fmt.Errorf("await the end of the last commit: %w", err)
	}
	id := uuid.New()
	s := session{id: id[:], number: c.p.sessions.Add(1)}
	if err := c.conn.QueryRow(ctx, "insert into reddot_sessions (id) values ($1) returning xmin::text", s.id).Scan(&s.version); err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	c.session = s
	return nil
}

func (c *committer) closeSession(ctx context.Context) error {
	if c.session.id == nil {
		return nil
	}
	_, err := c.conn.Exec(ctx, "delete from reddot_sessions where id = $1", c.session.id)
	return err
}

// leave ends the committer.
func (c *committer) leave() {
	if c.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.closeSession(ctx) // sweepSessions removes it else
	c.hangUp()
}

// probeBytes is how much room a probe wants, in pieces that stay in the row.
const probeBytes = 1 << 20

// probe writes into new pages, and takes it back.
func (c *committer) probe() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.p.cfg.Timeout)
	defer cancel()
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "insert into reddot_probes (data) select $1 from generate_series(1, $2)", make([]byte, 1000), probeBytes/1000)
	if back := tx.Rollback(ctx); err == nil {
		err = back
	}
	if err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	return nil
}

// ping implements mender.
func (c *committer) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.p.cfg.Timeout)
	defer cancel()
	if c.conn == nil {
		return errors.New("there is no connection to the database")
	}
	if err := c.look(ctx); err != nil {
		c.broken(err)
		return fmt.Errorf("ping the database: %w", err)
	}
	return nil
}

// lookPause is after how long a committer without a pause looks at the database
// again, as it does when it pings it.
const lookPause = 2 * pingPause

// look finds out whether the database still keeps what it acknowledges, and
// whether the session is still served by the same process.
func (c *committer) look(ctx context.Context) error {
	if err := c.p.turning(); err != nil {
		return err
	}
	found, err := c.p.look(ctx, c.conn, nil)
	if err == nil {
		err = c.p.recognize(ctx, c.conn)
	}
	if err == nil && found.backend != c.met.backend {
		err = errPooled
	}
	if err == nil {
		c.looked = time.Now()
	}
	return err
}

// hangUp closes the connection. It waits for nobody.
func (c *committer) hangUp() {
	if c.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.conn.Close(ctx) // it is of no use any more
	c.conn = nil
	c.connected.Store(false)
}
