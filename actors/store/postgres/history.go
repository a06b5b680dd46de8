package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"reddot/actors"
)

// A history is what tells a database's history from every other one. It changes
// by itself with a promotion and a recovery to a point in time (the timeline),
// with another server (its system identifier), and with a restore from a dump,
// which writes the row of our own id anew (its table and the transaction that
// wrote it). reddot_renew_history changes the id.
type history struct {
	id       string // of ours, and the version of its row
	system   string
	timeline int64
}

// sqlHistory asks for a history, and up to where the log was flushed. A standby
// answers with an error.
const sqlHistory = `select encode(h.id, 'hex') || ' ' || h.xmin || ' ' || h.tableoid, (select system_identifier::text from pg_control_system()),
	('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint from reddot_history h`

// readHistory asks a connection's server for its history.
func readHistory(ctx context.Context, conn *pgx.Conn) (h history, err error) {
	if err := conn.QueryRow(ctx, sqlHistory).Scan(&h.id, &h.system, &h.timeline); err != nil {
		return h, fmt.Errorf("look which history the database has: %w", err)
	}
	return h, nil
}

// number returns the history's id as it stands in cursors.
func (h history) number() uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", h.id, h.system, h.timeline))
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}

// before tells whether h was left behind by a promotion that led to g.
func (h history) before(g history) bool { return h.system == g.system && h.timeline < g.timeline }

// A turn is a store's way from one history to the next.
type turn struct {
	number atomic.Uint64                // of the history in force
	going  atomic.Pointer[actors.Error] // why nothing is read or written: another history was found

	mu           sync.Mutex
	now          history
	next         *history  // the one that was found
	left         []history // none of them comes back
	giveUp, goOn func()
}

var errTurning = actors.Errorf(actors.Unavailable, "the database was restored, or a replica promoted: this server lets go of what it knew of it; try again")

// OnTurn implements actors.Turner.
func (p *Store) OnTurn(giveUp, goOn func()) {
	p.turn.mu.Lock()
	defer p.turn.mu.Unlock()
	p.turn.giveUp, p.turn.goOn = giveUp, goOn
}

// begin puts the first history in force.
func (t *turn) begin(h history) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = h
	t.number.Store(h.number())
}

// recognize returns an error unless the connection's database has the history
// in force. One that has not been seen begins the turn to it.
func (p *Store) recognize(ctx context.Context, conn *pgx.Conn) error {
	h, err := readHistory(ctx, conn)
	if err != nil {
		return err
	}
	t := &p.turn
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.next != nil && h == *t.next:
		return errTurning
	case t.next == nil && h == t.now:
		return nil
	case h == t.now, slices.Contains(t.left, h), h.before(t.now), t.next != nil && h.before(*t.next):
		return fmt.Errorf("this is a database that was left behind (timeline %d; the one in use has %d): two take writes behind one URL; "+
			"end the one that is not wanted, or, if it is this one that is, start this server again", h.timeline, t.now.timeline)
	}
	p.log.Error("the database has another history than before: it was restored, or a replica was promoted, and what came last may be lost; "+
		"this server lets go of what it has in memory and goes on from the database; all clients fetch their counts again",
		"before", t.now.String(), "now", h.String())
	if t.next == nil {
		t.going.Store(errTurning)
		p.figures.turns.Inc()
		p.ending.Go(p.turnOver)
	}
	t.next = &h
	return errTurning
}

// turnOver leaves the history in force for the one that was found, when no
// committer can write to the former any more and nobody knows what was in it.
func (p *Store) turnOver() {
	t := &p.turn
	p.pool.Reset()
	for !p.quiet() {
		time.Sleep(turnPause)
	}
	t.mu.Lock()
	giveUp, goOn := t.giveUp, t.goOn
	t.mu.Unlock()
	if giveUp != nil {
		giveUp()
	}
	p.pool.Reset()
	t.mu.Lock()
	t.left = append(t.left, t.now)
	t.now, t.next = *t.next, nil
	t.number.Store(t.now.number())
	t.going.Store(nil)
	t.mu.Unlock()
	if goOn != nil {
		goOn()
	}
}

const turnPause = 5 * time.Millisecond

// quiet tells whether no committer has a connection.
func (p *Store) quiet() bool {
	return !slices.ContainsFunc(p.engines, func(c *committer) bool { return c.connected.Load() })
}

// turning returns why nothing is written or read; nil: the history is the one in
// force.
func (p *Store) turning() error {
	if err := p.turn.going.Load(); err != nil {
		return err
	}
	return nil
}

// String returns the history as it stands in the log.
func (h history) String() string {
	return fmt.Sprintf("%016x (system %s, timeline %d)", h.number(), h.system, h.timeline)
}

// History implements actors.Historian.
func (p *Store) History() uint64 { return p.turn.number.Load() }

// Renew begins another history, as the SQL function reddot_renew_history does:
// all cursors that were given out are answered by a reset, and servers give up
// what they have in memory.
func (p *Store) Renew(ctx context.Context) error {
	if _, err := p.pool.Exec(ctx, "select reddot_renew_history()"); err != nil {
		return fmt.Errorf("begin another history: %w", err)
	}
	return nil
}
