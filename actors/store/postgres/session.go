package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"reddot/actors"
)

// A setting is one that each session of the store has, whatever the database,
// the role or the URL say, and whatever the database's configuration is changed
// to later. Settings are set once the session is there: a pooler takes few of
// them at its beginning.
type setting struct{ name, value string }

func (p *Store) settings(more ...setting) []setting {
	return append([]setting{
		{"reddot.session", "on"}, // migrations/0004
		{"default_transaction_isolation", "read committed"},
		{"idle_in_transaction_session_timeout", "2s"},
		{"idle_session_timeout", "0"},
		{"statement_timeout", milliseconds(p.cfg.Timeout * 4 / 5)},
	}, more...)
}

// writerSettings are those of committers.
func (p *Store) writerSettings() []setting {
	return p.settings(
		setting{"lock_timeout", milliseconds(p.cfg.Timeout / 2)},
		// The statements are few, and each is best done row by row through the
		// indexes: nothing that the planner could find out about tables that
		// grow from nothing would make that better, and some things worse.
		setting{"plan_cache_mode", "force_generic_plan"}, setting{"jit", "off"},
		setting{"enable_seqscan", "off"}, setting{"enable_hashjoin", "off"}, setting{"enable_mergejoin", "off"},
	)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

// sqlBegin is what a new session begins with.
func sqlBegin(settings []setting) string {
	var sql strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&sql, "set %s = '%s'; ", s.name, s.value)
	}
	return sql.String() + sqlSync
}

// sqlSync lets what is acknowledged be on the disk, and on that of a synchronous
// standby if there is one. The configuration may ask for more, and is heard; it
// may ask for less at any time, and is not.
const sqlSync = `reset synchronous_commit;
	select set_config('synchronous_commit', case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end, false);`

// sqlLook asks for what found holds, in its order, and then for the settings of
// weaknesses. A setting that an engine does not have is null.
const sqlInspect = `select pg_backend_pid(), current_setting('transaction_read_only'),
	(select string_agg(relname, ', ') from pg_class where relname like 'reddot\_%' and relkind = 'r' and relpersistence = 'u'
		and relnamespace = (select relnamespace from pg_class where oid = to_regclass('reddot_events')))`

// found is what a session shows of its database.
type found struct {
	backend string // the process that serves the session
}

// inspect sees to it that commits are durable, as far as a session can, and returns
// an error if the database does not keep what it acknowledges, or takes no
// writes. A new session begins with settings. It is one round trip.
func (p *Store) inspect(ctx context.Context, conn *pgx.Conn, settings []setting) (found, error) {
	var names strings.Builder
	for _, w := range weaknesses {
		fmt.Fprintf(&names, ", current_setting('%s', true)", w.name)
	}
	results, err := conn.PgConn().Exec(ctx, sqlBegin(settings)+sqlInspect+names.String()).ReadAll()
	if err != nil {
		return found{}, err
	}
	row := results[len(results)-1].Rows[0]
	switch {
	case string(row[1]) == "on":
		return found{}, errors.New("the server is read-only: a standby, or a primary that was told so; name all hosts in the URL, with target_session_attrs=read-write")
	case len(row[2]) > 0:
		return found{}, weakError("its tables %s are unlogged and emptied by a crash; alter table … set logged", row[2])
	}
	return found{backend: string(row[0])}, p.weak(row[3:])
}

// A weakness is a setting by which the database may lose what it has
// acknowledged, and which a session can't change.
type weakness struct {
	name, bad string
	what      string // the consequence
	warn      bool   // it may be meant so: it is said, and all goes on
}

var weaknesses = []weakness{
	{"fsync", "off", "what it acknowledges is lost when its machine fails", false},
	{"full_page_writes", "off", "pages half written when its machine fails are lost, unless its file system writes whole ones", true},
	{"data_sync_retry", "on", "an error of its disk may lose what was acknowledged before it", true},
	{"zero_damaged_pages", "on", "it takes damaged pages for empty ones, and what they held for gone", true},
}

// weak holds the values of weaknesses, in their order, against what they are to
// be.
func (p *Store) weak(values [][]byte) (err error) {
	p.weakening.Lock()
	defer p.weakening.Unlock()
	for i, w := range weaknesses {
		bad := string(values[i]) == w.bad
		switch {
		case bad && !w.warn:
			err = errors.Join(err, weakError("its setting %s is %s: %s; change it there, and all goes on", w.name, w.bad, w.what))
		case bad && !p.warned[w.name]:
			p.log.Warn("the database has a setting by which it may lose what it has acknowledged", "setting", w.name, "is", w.bad, "so", w.what)
		}
		p.warned[w.name] = bad
	}
	return err
}

// errWeak is why a database that does not keep what it acknowledges is not
// written to.
var errWeak = errors.New("the database may lose what it acknowledges")

func weakError(format string, args ...any) error {
	return &actors.Error{Code: actors.Unavailable, Detail: errWeak.Error() + ": " + fmt.Sprintf(format, args...), Cause: errWeak}
}

// errPooled is what a transaction pooler is refused with.
var errPooled = errors.New("a pooler gives one connection of the database to several clients in turn, and sessions are needed here: " +
	"in PgBouncer set pool_mode = session for this database, or connect past it")

// ownSessions returns an error unless two connections are sessions of their own:
// each has one process of the database, and the other another one.
func ownSessions(ctx context.Context, a, b *pgx.Conn) error {
	var first [2]string
	// A pooler gives the connection that came back last, or first: the same to
	// both, or another one to one of them.
	for _, i := range []int{0, 1, 0, 0, 1, 1, 0, 1, 1} {
		results, err := [2]*pgx.Conn{a, b}[i].PgConn().Exec(ctx, "select pg_backend_pid()").ReadAll()
		if err != nil {
			return fmt.Errorf("ask two connections who serves them: %w", err)
		}
		pid := string(results[0].Rows[0][0])
		if first[i] == "" {
			first[i] = pid
		}
		if pid != first[i] || first[0] == first[1] {
			return errPooled
		}
	}
	return nil
}

// encryption says how a connection is protected.
func encryption(conn *pgx.Conn) string {
	c := conn.PgConn().Conn()
	t, ok := c.(*tls.Conn)
	switch {
	case ok:
		return tls.VersionName(t.ConnectionState().Version)
	case c.RemoteAddr().Network() == "unix":
		return "none: a socket of this machine"
	}
	return "none"
}

// tryReaders opens the connections for reads for a moment: only so it is known
// that there may be as many, whoever limits them.
func (p *Store) tryReaders(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, p.cfg.Timeout/2)
	defer cancel()
	var opening sync.WaitGroup
	conns, errs := make([]*pgxpool.Conn, p.cfg.Readers), make([]error, p.cfg.Readers)
	for i := range conns {
		opening.Go(func() { conns[i], errs[i] = p.pool.Acquire(within) })
	}
	opening.Wait()
	given := 0
	for _, c := range conns {
		if c != nil {
			given++
			c.Release()
		}
	}
	switch err := p.tooFew(p.cfg.Committers+given, cmp.Or(errs...)); {
	case given == 0:
		return err
	case given < p.cfg.Readers:
		p.log.Warn("the database gives fewer connections than are wanted; reads may have to wait", "err", err)
	}
	return nil
}

// tooFew is told where the database gives fewer connections than are wanted. It
// blames a limit where the database does, and may where it lets wait, as poolers
// do; any other cause speaks for itself.
func (p *Store) tooFew(given int, cause error) error {
	const limits = "max_connections, the CONNECTION LIMIT of the role or the database, or the pool of a pooler, or lower those settings"
	wanted := fmt.Sprintf("this server wants %d connections (store.committers and store.readers), and got %d", p.cfg.Committers+p.cfg.Readers, given)
	switch {
	case noRoom(cause):
		return fmt.Errorf("%s; raise %s: %w", wanted, limits, cause)
	case errors.Is(cause, context.DeadlineExceeded):
		return fmt.Errorf("%s in time; if the database is not just busy, raise %s: %w", wanted, limits, cause)
	}
	return cause
}
