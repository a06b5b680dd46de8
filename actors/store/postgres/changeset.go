package postgres

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"reddot/actors"
	"reddot/actors/store"
)

// A changeset is what one statement does: the jobs of a batch, folded so that no
// two parts of the statement touch the same row. All parts of a statement see
// the database as it was before it.
type changeset struct {
	by      session
	jobs    []*store.Job
	shards  []int32 // asked for their epochs
	epochs  []int64
	places  map[uint16]int32 // the place of a shard in shards, from 1
	parts   map[actors.Key]*actorChanges
	owners  map[actors.ID]ownerChange
	claims  map[actors.ID]ownerChange
	tallies map[tallyKey]int64
	funnels map[actors.ID]funnelChange
	records map[recordKey]recordChange
	index   map[string]rowChange
}

// actorChanges are what a changeset does to one actor.
type actorChanges struct {
	key       actors.Key
	place     int32
	after     uint64 // what the first write follows
	known     bool   // and the session has written itself
	head      uint64 // what the next one is to follow
	events    store.Entries
	last      uint64 // of all that were ever in events
	rewrites  store.Entries
	deletes   []actors.Range
	snapshots store.Entries
	forget    uint64
	wakes     []wakeChange
}

type (
	ownerChange struct { // an owner's row, and by whose write
		by    actors.Key
		place int32
		set   bool
	}
	tallyKey struct {
		id    actors.ID
		kind  actors.TallyKind
		place int32
	}
	funnelChange struct { // what is done to a message's tallies: added to, or deleted from a place
		added   bool
		dropped int32
	}
	wakeChange struct { // whether there is a wake-up at that time
		at  int64
		set bool
	}
	recordKey    struct{ kind, key string }
	recordChange struct { // the record's value; nil: it is removed
		value []byte
		place int32 // of the actor's shard; 0: it is no actor's
	}
	rowChange struct { // the value of an index row; nil: it is removed
		value []byte
		place int32
	}
)

func newChangeset(by session) *changeset {
	return &changeset{
		by:     by,
		places: make(map[uint16]int32), parts: make(map[actors.Key]*actorChanges), owners: make(map[actors.ID]ownerChange),
		claims:  make(map[actors.ID]ownerChange),
		tallies: make(map[tallyKey]int64), funnels: make(map[actors.ID]funnelChange), records: make(map[recordKey]recordChange),
	}
}

// add folds a job in; false means that it has to go onto the next changeset.
func (s *changeset) add(j *store.Job) bool {
	switch {
	case j.Record != nil && j.Record.Swap:
		return false
	case j.Record != nil:
		change := recordChange{}
		if !j.Record.Delete {
			change.value = append([]byte{}, j.Record.Value...)
		}
		s.records[recordKey{j.Record.Kind, j.Record.Key}] = change
	case !s.fits(j.Write):
		return false
	default:
		s.fold(j.Write)
	}
	s.jobs = append(s.jobs, j)
	return true
}

// fits tells whether w can be folded with what is there.
func (s *changeset) fits(w *actors.Write) bool {
	f := w.Stream.Fence
	if n := s.places[f.Shard]; n != 0 && s.epochs[n-1] != int64(f.Epoch) {
		return false
	}
	for _, list := range [2][]actors.ID{w.Own, w.Disown} {
		for _, id := range list {
			if o, ok := s.owners[id]; ok && o.by != w.Stream.Key {
				return false
			}
		}
	}
	for _, list := range [2][]actors.ID{w.Claim, w.Release} {
		for _, id := range list {
			if _, ok := s.claims[id]; ok { // what comes of the second depends on the first
				return false
			}
		}
	}
	for _, t := range w.Tally {
		if s.funnels[t.ID].dropped != 0 {
			return false
		}
	}
	if slices.ContainsFunc(w.Untally, func(id actors.ID) bool { return s.funnels[id].added }) {
		return false
	}
	p := s.parts[w.Stream.Key]
	if p == nil {
		return true
	}
	if w.After != p.head { // the next statement tells whether that is there
		return false
	}
	if len(w.Events) > 0 && w.After < p.last || w.Snapshot != nil && w.Last() < p.forget {
		return false
	}
	return !slices.ContainsFunc(p.deletes, func(r actors.Range) bool {
		return len(w.Events) > 0 && r.First <= w.Last() && r.Last > w.After
	})
}

// fold takes in a write that fits.
func (s *changeset) fold(w *actors.Write) {
	p := s.part(w)
	for i, e := range w.Events {
		p.events = append(p.events, store.Entry{Seq: w.After + 1 + uint64(i), Data: e})
		p.last = w.Last()
	}
	for _, r := range w.Rewrite {
		if _, ok := p.events.Find(r.Seq); ok {
			p.events.Put(r.Seq, r.Event)
		} else {
			p.rewrites.Put(r.Seq, r.Event)
		}
	}
	p.head = w.Last()
	for _, r := range w.Delete {
		if r.First <= r.Last {
			p.events.Cut(r.First, r.Last)
			p.rewrites.Cut(r.First, r.Last)
			p.deletes = append(p.deletes, r)
		}
	}
	if w.Snapshot != nil {
		p.snapshots = slices.DeleteFunc(p.snapshots, func(e store.Entry) bool { return e.Seq == w.Last() })
		p.snapshots = append(p.snapshots, store.Entry{Seq: w.Last(), Data: w.Snapshot})
	}
	if w.Forget > p.forget {
		p.forget = w.Forget
		p.snapshots = slices.DeleteFunc(p.snapshots, func(e store.Entry) bool { return e.Seq < w.Forget })
	}
	if w.Wake.Old != w.Wake.New {
		p.wake(w.Wake.Old, false)
		p.wake(w.Wake.New, true)
	}
	for _, id := range w.Disown {
		s.owners[id] = ownerChange{w.Stream.Key, p.place, false}
	}
	for _, id := range w.Own {
		s.owners[id] = ownerChange{w.Stream.Key, p.place, true}
	}
	for _, id := range w.Release {
		s.claims[id] = ownerChange{w.Stream.Key, p.place, false}
	}
	for _, id := range w.Claim {
		s.claims[id] = ownerChange{w.Stream.Key, p.place, true}
	}
	for _, t := range w.Tally {
		s.tallies[tallyKey{t.ID, t.Kind, p.place}] += t.N
		s.funnels[t.ID] = funnelChange{added: true}
	}
	for _, id := range w.Untally {
		s.funnels[id] = funnelChange{dropped: p.place}
	}
	for _, r := range w.Records {
		s.records[recordKey{r.Kind, r.Key}] = recordChange{r.Value, p.place}
	}
	for _, r := range w.Index {
		if s.index == nil {
			s.index = make(map[string]rowChange)
		}
		s.index[string(r.Key)] = rowChange{r.Value, p.place}
	}
}

// part returns the part of a write's actor.
func (s *changeset) part(w *actors.Write) *actorChanges {
	of := w.Stream
	if p := s.parts[of.Key]; p != nil {
		return p
	}
	n := s.places[of.Fence.Shard]
	if n == 0 {
		s.shards = append(s.shards, int32(of.Fence.Shard))
		s.epochs = append(s.epochs, int64(of.Fence.Epoch))
		n = int32(len(s.shards))
		s.places[of.Fence.Shard] = n
	}
	p := &actorChanges{key: of.Key, place: n, after: w.After, known: of.Knows(w.After, s.by.number), head: w.After}
	s.parts[of.Key] = p
	return p
}

// predecessor returns among which seqs the event or the snapshot is that the
// first write follows. One that follows nothing follows none at all.
func (p *actorChanges) predecessor() actors.Range {
	if p.after == 0 {
		return actors.Range{Last: math.MaxInt64}
	}
	return actors.Range{First: p.after, Last: p.after}
}

func (p *actorChanges) wake(at int64, set bool) {
	if at == 0 {
		return
	}
	for i := range p.wakes {
		if p.wakes[i].at == at {
			p.wakes[i].set = set
			return
		}
	}
	p.wakes = append(p.wakes, wakeChange{at, set})
}

// statement returns the changeset as SQL. Rows are in the order of their keys, so
// that two statements never wait for each other in a circle, and each names
// the place of its shard: it counts only if the shard has the epoch asked for.
func (s *changeset) statement() *statement {
	q := newStatement(s.by, s.shards, s.epochs)
	parts := slices.SortedFunc(maps.Values(s.parts), func(a, b *actorChanges) int { return strings.Compare(string(a.key), string(b.key)) })
	s.journalRows(q, parts)
	s.wakeRows(q, parts)
	s.ownerRows(q)
	s.claimRows(q)
	s.tallyRows(q)
	s.recordRows(q)
	s.indexRows(q)
	q.end()
	return q
}

func (s *changeset) journalRows(q *statement, parts []*actorChanges) {
	var follows, events, rewrites, snapshots, deletes, forgets rows
	for _, p := range parts {
		key := []byte(p.key)
		if !p.known {
			follows.addRange(p.place, key, p.predecessor())
		}
		for _, e := range p.events {
			events.add(p.place, key, int64(e.Seq), e.Data)
		}
		for _, e := range p.rewrites {
			rewrites.add(p.place, key, int64(e.Seq), e.Data)
		}
		for _, e := range p.snapshots {
			snapshots.add(p.place, key, int64(e.Seq), e.Data)
		}
		for _, r := range p.deletes {
			deletes.addRange(p.place, key, r)
		}
		if p.forget > 0 {
			forgets.addRange(p.place, key, actors.Range{Last: p.forget - 1})
		}
	}
	q.follow(&follows)
	q.insert(&events, sqlEvents)
	q.insert(&rewrites, sqlRewrite)
	q.delete(&deletes, sqlTrim)
	q.insert(&snapshots, sqlSnapshots)
	q.delete(&forgets, sqlForget)
}

func (s *changeset) wakeRows(q *statement, parts []*actorChanges) {
	var sets, drops rows
	for _, p := range parts {
		for _, w := range p.wakes {
			if w.set {
				sets.add(p.place, []byte(p.key), w.at, nil)
			} else {
				drops.add(p.place, []byte(p.key), w.at, nil)
			}
		}
	}
	q.at(&drops, sqlSleep)
	q.wake(&sets, sqlWake)
}

func (s *changeset) ownerRows(q *statement) {
	var sets, drops rows
	ids := slices.SortedFunc(maps.Keys(s.owners), func(a, b actors.ID) int { return bytes.Compare(a[:], b[:]) })
	for i := range ids {
		o := s.owners[ids[i]]
		if o.set {
			sets.add(o.place, ids[i][:], 0, []byte(o.by))
		} else {
			drops.add(o.place, ids[i][:], 0, nil)
		}
	}
	q.id(&drops, sqlDisown)
	q.named(&sets, sqlOwn)
}

func (s *changeset) claimRows(q *statement) {
	if len(s.claims) == 0 {
		return
	}
	var sets, drops rows
	var all [][]byte
	ids := slices.SortedFunc(maps.Keys(s.claims), func(a, b actors.ID) int { return bytes.Compare(a[:], b[:]) })
	for i := range ids {
		o, to := s.claims[ids[i]], &drops
		if o.set {
			to = &sets
		}
		to.add(o.place, ids[i][:], 0, []byte(o.by))
		all = append(all, ids[i][:])
	}
	q.add(sqlHeld, all)
	q.named(&drops, sqlRelease)
	q.named(&sets, sqlClaim)
}

func (s *changeset) tallyRows(q *statement) {
	var t rows
	list := slices.SortedFunc(maps.Keys(s.tallies), func(a, b tallyKey) int {
		return cmp.Or(bytes.Compare(a.id[:], b.id[:]), cmp.Compare(a.kind, b.kind), cmp.Compare(s.shards[a.place-1], s.shards[b.place-1]))
	})
	for i := range list {
		t.add(list[i].place, list[i].id[:], s.tallies[list[i]], nil)
		t.kinds = append(t.kinds, int16(list[i].kind))
	}
	q.tally(&t, sqlTally)
	var drops rows
	for _, id := range slices.SortedFunc(maps.Keys(s.funnels), func(a, b actors.ID) int { return bytes.Compare(a[:], b[:]) }) {
		if place := s.funnels[id].dropped; place != 0 {
			drops.add(place, id[:], 0, nil)
		}
	}
	q.id(&drops, sqlUntally)
}

func (s *changeset) recordRows(q *statement) {
	var sets, drops rows
	list := slices.SortedFunc(maps.Keys(s.records), func(a, b recordKey) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.key, b.key))
	})
	for _, k := range list {
		r, to := s.records[k], &sets
		if r.value == nil {
			to = &drops
		}
		to.add(r.place, []byte(k.key), 0, r.value)
		to.names = append(to.names, []byte(k.kind))
	}
	q.record(&drops, sqlDropRecord, false)
	q.record(&sets, sqlPutRecord, true)
}

func (s *changeset) indexRows(q *statement) {
	var sets, drops rows
	for _, k := range slices.Sorted(maps.Keys(s.index)) {
		r := s.index[k]
		if r.value == nil {
			drops.add(r.place, []byte(k), 0, nil)
		} else {
			sets.add(r.place, []byte(k), 0, r.value)
		}
	}
	q.id(&drops, sqlDropRow)
	q.named(&sets, sqlPutRow)
}

// rows are the columns of what one part of a statement works on.
type rows struct {
	places []int32
	keys   [][]byte
	seqs   []int64
	lasts  []int64
	datas  [][]byte
	kinds  []int16
	names  [][]byte
}

func (r *rows) add(place int32, key []byte, seq int64, data []byte) {
	r.places = append(r.places, place)
	r.keys = append(r.keys, key)
	r.seqs = append(r.seqs, seq)
	if data == nil {
		data = []byte{}
	}
	r.datas = append(r.datas, data)
}

func (r *rows) addRange(place int32, key []byte, g actors.Range) {
	r.add(place, key, int64(min(g.First, math.MaxInt64)), nil)
	r.lasts = append(r.lasts, int64(min(g.Last, math.MaxInt64)))
}
