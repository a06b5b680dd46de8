package postgres

import (
	"strconv"
	"strings"
)

// A statement is one SQL statement with its arguments: one, because then it
// reaches the server whole and runs without the client. A client that freezes
// half-way leaves no transaction open that holds locks.
//
// Its first parts lock the row of the session and those of the shards for
// share, and say which shards have the epochs asked for. Whoever takes a shard
// waits for that lock, and a statement that waits for him sees what he made of
// it. All other parts work on the rows of the good shards only. It is the same
// with the session: once its row is removed, a statement of it that comes late
// does nothing. So does one that finds another version of the row: a restore has
// put it back under a connection that lives on.
//
// An actor's first part names the event or the snapshot that it follows. Where
// that is not there the database has lost it, and the statement fails
// (sqlPredecessor). What follows a write of the same session needs no look: while the
// session's row is there, as it was written, so is all that the session wrote.
// A look costs a third of an append.
type statement struct {
	sql     strings.Builder
	args    []any
	follows bool // it has sqlPredecessor
}

const sqlFences = `with session as materialized (
	select id from reddot_sessions where id = ? and xmin::text = ? for share
), locked as materialized (
	select shard, epoch from reddot_shards where shard = any(?::int[]) order by shard for share
), good as materialized (
	select array_agg(coalesce(l.epoch = w.epoch, false) and exists (select from session) order by w.place) as list
	from unnest(?::int[], ?::bigint[]) with ordinality as w(shard, epoch, place) left join locked l using (shard)
)`

// sqlPredecessor divides by zero (sqlDivisionByZero) if an actor's first write does
// not follow what its journal holds: the event or snapshot that it names or,
// where it names none (first is 0), nothing but what lies beyond a hole.
const sqlPredecessor = `, astray as materialized (
	select 1 / (count(*) = 0)::int as none from unnest(?::int[], ?::bytea[], ?::bigint[], ?::bigint[]) as t(place, key, first, last)
	where (select list from good)[place] and (t.first > 0) <> (
		exists (select from reddot_events e where e.key = t.key and e.seq between t.first and least(t.last, t.first + 1))
		or exists (select from reddot_snapshots s where s.key = t.key and s.seq between t.first and t.last)))`

const (
	sqlEvents = `, events as (insert into reddot_events (key, seq, data)
	select key, seq, data from unnest(?::int[], ?::bytea[], ?::bigint[], ?::bytea[]) as t(place, key, seq, data)
	where (select list from good)[place])`
	sqlRewrite = `, rewrite as (update reddot_events e set data = t.data
	from unnest(?::int[], ?::bytea[], ?::bigint[], ?::bytea[]) as t(place, key, seq, data)
	where (select list from good)[t.place] and e.key = t.key and e.seq = t.seq)`
	sqlTrim = `, trim as (delete from reddot_events e
	using unnest(?::int[], ?::bytea[], ?::bigint[], ?::bigint[]) as t(place, key, first, last)
	where (select list from good)[t.place] and e.key = t.key and e.seq between t.first and t.last)`
	sqlSnapshots = `, snapshots as (insert into reddot_snapshots (key, seq, data)
	select key, seq, data from unnest(?::int[], ?::bytea[], ?::bigint[], ?::bytea[]) as t(place, key, seq, data)
	where (select list from good)[place]
	on conflict (key, seq) do update set data = excluded.data)`
	sqlForget = `, forget as (delete from reddot_snapshots s
	using unnest(?::int[], ?::bytea[], ?::bigint[], ?::bigint[]) as t(place, key, first, last)
	where (select list from good)[t.place] and s.key = t.key and s.seq between t.first and t.last)`
	sqlSleep = `, sleep as (delete from reddot_wakes w
	using unnest(?::int[], ?::bytea[], ?::bigint[]) as t(place, key, at)
	where (select list from good)[t.place] and w.at = t.at and w.key = t.key)`
	sqlWake = `, wake as (insert into reddot_wakes (shard, at, key)
	select (?::int[])[place], at, key from unnest(?::int[], ?::bytea[], ?::bigint[]) as t(place, key, at)
	where (select list from good)[place]
	on conflict do nothing)`
	sqlDisown = `, disown as (delete from reddot_owners o
	using unnest(?::int[], ?::bytea[]) as t(place, id)
	where (select list from good)[t.place] and o.id = t.id)`
	sqlOwn = `, own as (insert into reddot_owners (id, key)
	select id, key from unnest(?::int[], ?::bytea[], ?::bytea[]) as t(place, id, key)
	where (select list from good)[place]
	on conflict (id) do update set key = excluded.key)`
	// What is claimed may be in a statement of another node at the same time, and in
	// another order of parts: all of its rows are locked first, in their order.
	sqlHeld = `, held as materialized (
	select id from reddot_owners where id = any(?::bytea[]) order by id for update)`
	sqlRelease = `, release as (delete from reddot_owners o
	using unnest(?::int[], ?::bytea[], ?::bytea[]) as t(place, id, key)
	where (select count(*) from held) >= 0 and (select list from good)[t.place] and o.id = t.id and o.key = t.key)`
	sqlClaim = `, claim as (insert into reddot_owners (id, key)
	select id, key from unnest(?::int[], ?::bytea[], ?::bytea[]) as t(place, id, key)
	where (select count(*) from held) >= 0 and (select list from good)[place]
	on conflict (id) do update set key = excluded.key)`
	sqlTally = `, tally as (insert into reddot_tallies as o (id, kind, shard, n)
	select id, kind, (?::int[])[place], n from unnest(?::int[], ?::bytea[], ?::smallint[], ?::bigint[]) as t(place, id, kind, n)
	where (select list from good)[place]
	on conflict (id, kind, shard) do update set n = o.n + excluded.n)`
	sqlUntally = `, untally as (delete from reddot_tallies o
	using unnest(?::int[], ?::bytea[]) as t(place, id)
	where (select list from good)[t.place] and o.id = t.id)`
	sqlDropRecord = `, droprecord as (delete from reddot_records r
	using unnest(?::int[], ?::bytea[], ?::bytea[]) as t(place, kind, key)
	where case t.place when 0 then exists (select from session) else (select list from good)[t.place] end and r.kind = t.kind and r.key = t.key)`
	sqlPutRecord = `, putrecord as (insert into reddot_records (kind, key, value)
	select kind, key, value from unnest(?::int[], ?::bytea[], ?::bytea[], ?::bytea[]) as t(place, kind, key, value)
	where case place when 0 then exists (select from session) else (select list from good)[place] end
	on conflict (kind, key) do update set value = excluded.value)`
	sqlDropRow = `, droprow as (delete from reddot_index r
	using unnest(?::int[], ?::bytea[]) as t(place, key)
	where (select list from good)[t.place] and r.key = t.key)`
	sqlPutRow = `, putrow as (insert into reddot_index (key, value)
	select key, value from unnest(?::int[], ?::bytea[], ?::bytea[]) as t(place, key, value)
	where (select list from good)[place]
	on conflict (key) do update set value = excluded.value)`
	sqlNewRecord = `, swap as (insert into reddot_records (kind, key, value)
	select ?::bytea, ?::bytea, ?::bytea where exists (select from session)
	on conflict do nothing returning 1)`
	sqlNoRecord = `, swap as (select 1 where not exists (
	select from reddot_records where kind = ?::bytea and key = ?::bytea))`
	sqlDropOldRecord = `, swap as (delete from reddot_records
	where exists (select from session) and kind = ?::bytea and key = ?::bytea and value = ?::bytea returning 1)`
	sqlSwapRecord = `, swap as (update reddot_records set value = ?::bytea
	where exists (select from session) and kind = ?::bytea and key = ?::bytea and value = ?::bytea returning 1)`
)

func newStatement(s session, shards []int32, epochs []int64) *statement {
	q := &statement{}
	q.sql.Grow(2048)
	q.add(sqlFences, s.id, s.version, shards, shards, epochs)
	return q
}

// shardsArg is which argument of sqlFences names the shards.
const shardsArg = 2

// end lets the statement tell whether the session was there, and which shards
// were good.
func (q *statement) end() {
	q.sql.WriteString("\nselect exists (select from session), list from good")
	if q.follows {
		q.sql.WriteString(", astray where none = 1")
	}
}

// add appends SQL with the arguments of its question marks.
func (q *statement) add(sql string, args ...any) {
	for _, a := range args {
		before, after, _ := strings.Cut(sql, "?")
		q.args = append(q.args, a)
		q.sql.WriteString(before)
		q.sql.WriteByte('$')
		q.sql.WriteString(strconv.Itoa(len(q.args)))
		sql = after
	}
	q.sql.WriteString(sql)
}

// What follows adds a part unless it has no rows.

func (q *statement) insert(r *rows, sql string) {
	if len(r.keys) > 0 {
		q.add(sql, r.places, r.keys, r.seqs, r.datas)
	}
}

func (q *statement) follow(r *rows) {
	if q.follows = len(r.keys) > 0; q.follows {
		q.add(sqlPredecessor, r.places, r.keys, r.seqs, r.lasts)
	}
}

func (q *statement) delete(r *rows, sql string) {
	if len(r.keys) > 0 {
		q.add(sql, r.places, r.keys, r.seqs, r.lasts)
	}
}

func (q *statement) at(r *rows, sql string) {
	if len(r.keys) > 0 {
		q.add(sql, r.places, r.keys, r.seqs)
	}
}

func (q *statement) wake(r *rows, sql string) {
	if len(r.keys) > 0 {
		q.add(sql, q.args[shardsArg], r.places, r.keys, r.seqs)
	}
}

func (q *statement) id(r *rows, sql string) {
	if len(r.keys) > 0 {
		q.add(sql, r.places, r.keys)
	}
}

func (q *statement) named(r *rows, sql string) {
	if len(r.keys) > 0 {
		q.add(sql, r.places, r.keys, r.datas)
	}
}

func (q *statement) tally(r *rows, sql string) {
	if len(r.keys) > 0 {
		q.add(sql, q.args[shardsArg], r.places, r.keys, r.kinds, r.seqs)
	}
}

func (q *statement) record(r *rows, sql string, values bool) {
	switch {
	case len(r.keys) == 0:
	case values:
		q.add(sql, r.places, r.names, r.keys, r.datas)
	default:
		q.add(sql, r.places, r.names, r.keys)
	}
}
