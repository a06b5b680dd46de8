package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"reddot/actors"
	"reddot/actors/store"
)

// A committer is the engine of one of the store's writers: it commits the writes
// of its shards, over a connection of its own.
type committer struct {
	p         *Store
	conn      *pgx.Conn // nil: none that works
	staged    []*store.Job
	failed    map[*actors.Stream]error // refused in this batch
	session   session                  // of the connection, or the one before it
	found     found                    // by conn
	inspected time.Time                // when the database was last found fit
	full      bool                     // the database had no room
	out       bool                     // it does not work, and is to be mended

	connected atomic.Bool // conn may be written to

	unknown atomic.Bool // the last statement may still become durable
}

// A session is the row by which the database knows a committer's connection.
type session struct {
	id      []byte
	version string // who wrote the row
	number  uint64 // from 1; no other session of this store has it
}

var _ store.Mender = (*committer)(nil)

// Stage implements store.Engine.
func (c *committer) Stage(j *store.Job) { c.staged = append(c.staged, j) }

// Commit implements store.Engine.
func (c *committer) Commit() error {
	err := c.inspectAgain()
	if err == nil {
		err = c.writeStaged()
	}
	clear(c.staged)
	c.staged = c.staged[:0]
	clear(c.failed)
	if err != nil {
		c.noteOutage(err)
	}
	return err
}

// inspectAgain inspects the database if the last time is long ago.
func (c *committer) inspectAgain() error {
	if c.conn == nil || time.Since(c.inspected) < inspectPause {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.p.cfg.Timeout)
	defer cancel()
	return c.inspect(ctx)
}

// writeStaged writes what is staged, changeset by changeset; mostly it is one.
func (c *committer) writeStaged() error {
	if c.conn == nil {
		return errors.New("there is no connection to the database")
	}
	if err := c.p.turning(); err != nil {
		return err
	}
	s := newChangeset(c.session)
	for _, j := range c.staged {
		if c.refused(j) || s.add(j) {
			continue
		}
		if err := c.write(s); err != nil {
			return err
		}
		if j.Record != nil { // a swap stands alone: its rows tell whether it was done
			if err := c.swap(j); err != nil {
				return err
			}
			s = newChangeset(c.session)
			continue
		}
		if s = newChangeset(c.session); !c.refused(j) {
			s.add(j)
		}
	}
	return c.write(s)
}

// refused refuses a write of a stream of which a write before was refused.
func (c *committer) refused(j *store.Job) bool {
	if j.Write != nil {
		j.Err = c.failed[j.Write.Stream]
		if h := j.Write.Stream.History; j.Err == nil && h != 0 && h != c.p.History() {
			c.refuse(j, historyError(j.Write))
		}
	}
	return j.Err != nil
}

func (c *committer) refuse(j *store.Job, err error) {
	j.Err = err
	if j.Write != nil {
		c.failed[j.Write.Stream] = err
	}
}

// write commits a changeset. If rows of it are at fault, each half of it is tried
// alone, until the fault is that of one actor: only its writes are refused.
func (c *committer) write(s *changeset) error {
	if len(s.jobs) == 0 {
		return nil
	}
	good, err := c.exec(s.statement())
	switch {
	case err == nil:
		for _, j := range s.jobs {
			switch {
			case j.Write == nil:
			case good[s.places[j.Write.Stream.Fence.Shard]-1]:
				j.Write.Stream.Wrote(j.Write.Last(), s.by.number)
			default:
				c.p.figures.fenced.Inc()
				c.refuse(j, store.Fenced(j.Write.Stream))
			}
		}
		return nil
	case !atFault(err):
		return fmt.Errorf("commit: %w", err)
	}
	first, second := s.halves()
	if second == nil {
		for _, j := range s.jobs {
			c.p.figures.conflicts.Inc()
			c.refuse(j, conflictError(j, err))
		}
		return nil
	}
	if err := c.write(first); err != nil {
		return err
	}
	return c.write(second)
}

// swap replaces a record if it is still the old one.
func (c *committer) swap(j *store.Job) error {
	q := newStatement(c.session, nil, nil)
	r := j.Record
	switch kind, key := []byte(r.Kind), []byte(r.Key); {
	case r.Old == nil && r.Delete:
		q.add(sqlNoRecord, kind, key)
	case r.Old == nil:
		q.add(sqlNewRecord, kind, key, r.Value)
	case r.Delete:
		q.add(sqlDropOldRecord, kind, key, r.Old)
	default:
		q.add(sqlSwapRecord, r.Value, kind, key, r.Old)
	}
	q.sql.WriteString("\nselect exists (select from session), array[exists (select from swap)]")
	swapped, err := c.exec(q)
	switch {
	case err != nil && atFault(err):
		c.refuse(j, conflictError(j, err))
	case err != nil:
		return fmt.Errorf("commit: %w", err)
	case !swapped[0]:
		c.refuse(j, store.ErrSwapped)
	}
	return nil
}

// halves splits a changeset by actors and records; second is nil if there is only
// one of them.
func (s *changeset) halves() (first, second *changeset) {
	groups := make(map[any]int)
	group := func(j *store.Job) int {
		var k any
		if j.Write != nil {
			k = j.Write.Stream.Key
		} else {
			k = recordKey{j.Record.Kind, j.Record.Key}
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
	first, second = newChangeset(s.by), newChangeset(s.by)
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

// exec runs a statement and returns which of its shards had the epochs asked for.
func (c *committer) exec(q *statement) (good []bool, err error) {
	for n := 1; ; n++ {
		good, err = c.query(q)
		if err == nil || n == repeats || !collided(err) {
			return good, err
		}
		c.p.figures.repeats.Inc()
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

// Mend implements store.Mender: a new connection, and if there was no room, a look
// whether there is some now.
func (c *committer) Mend() error {
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

// noteOutage notes what the outage that begins is about.
func (c *committer) noteOutage(err error) {
	c.full = c.full || noRoom(err)
	c.unknown.Store(c.unknown.Load() || !aborted(err))
	if c.out {
		return
	}
	c.out = true
	c.p.figures.outages.Inc()
	if c.p.out.Add(1) == 1 {
		c.p.log.Error("the database takes no writes; what comes is refused until it does", "err", err)
	}
}

func (c *committer) connect() error {
	c.disconnect()
	ctx, cancel := context.WithTimeout(context.Background(), c.p.cfg.Timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c.p.writing.Copy())
	c.p.reached(err)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	c.conn, c.inspected = conn, time.Now()
	c.connected.Store(true) // before it is known that the history is in force
	if c.found, err = c.p.inspect(ctx, conn, c.p.writerSettings()); err == nil {
		err = c.p.recognize(ctx, conn)
	}
	if err == nil {
		err = c.openSession(ctx)
	}
	if err != nil {
		c.disconnect()
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
	c.disconnect()
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

// Ping implements store.Mender.
func (c *committer) Ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.p.cfg.Timeout)
	defer cancel()
	if c.conn == nil {
		return errors.New("there is no connection to the database")
	}
	if err := c.inspect(ctx); err != nil {
		c.noteOutage(err)
		return fmt.Errorf("ping the database: %w", err)
	}
	return nil
}

// inspectPause is after how long a committer without a pause inspects the database
// again, as it does when it pings it.
const inspectPause = 2 * store.PingPause

// inspect finds out whether the database still keeps what it acknowledges, and
// whether the session is still served by the same process.
func (c *committer) inspect(ctx context.Context) error {
	if err := c.p.turning(); err != nil {
		return err
	}
	found, err := c.p.inspect(ctx, c.conn, nil)
	if err == nil {
		err = c.p.recognize(ctx, c.conn)
	}
	if err == nil && found.backend != c.found.backend {
		err = errPooled
	}
	if err == nil {
		c.inspected = time.Now()
	}
	return err
}

// disconnect closes the connection. It waits for nobody.
func (c *committer) disconnect() {
	if c.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.conn.Close(ctx) // it is of no use any more
	c.conn = nil
	c.connected.Store(false)
}
