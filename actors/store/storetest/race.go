package storetest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"reddot/actors"
)

// raceFor is how long the races of stale writers last: a duration, for a long
// run; see RaceTime.
const raceFor = "REDDOT_STORE_RACE"

// RaceTime returns how long a race lasts.
func RaceTime(t *testing.T) time.Duration {
	text := os.Getenv(raceFor)
	if text == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", raceFor, err)
	}
	return d
}

// raceUsers are few, so that the nodes meet at each of them.
const raceUsers = 12

func raceKey(i int) actors.Key { return actors.UserKey("default", fmt.Sprint("race", i)) }

// Race lets several stale writers race for the same users, each as a node of its
// own, while journals are trimmed: nothing is acknowledged twice, and no journal
// forks. Nodes may share a store. It closes them all.
func Race(t *testing.T, nodes ...Store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	j, stop := NewJudge(), make(chan struct{})
	var racing sync.WaitGroup
	for i, s := range nodes {
		r := &Racer{Rand: rand.New(rand.NewPCG(seed, uint64(i))), Name: fmt.Sprint("node", i), Store: s, Acked: j.Acked}
		racing.Go(func() {
			if err := r.Run(stop); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(RaceTime(t))
	close(stop)
	racing.Wait()
	j.Check(t, nodes[0])
	closed := map[Store]bool{}
	for _, s := range nodes {
		if !closed[s] {
			closed[s] = true
			Close(t, s)
		}
	}
}

// A Racer is a node that believes it owns every user. Now and then it takes
// their shards; otherwise it goes on as if nothing had happened.
//
// The state of a user is the hash of all its events, in order. Each event holds
// the state before it, so that a fork shows.
type Racer struct {
	*rand.Rand
	Name   string
	Store  Store
	Acked  func(key actors.Key, seq uint64, before, after uint64)
	epochs map[uint16]uint64
}

// A racedUser is a user as its racer sees it.
type racedUser struct {
	*Actor
	states []uint64 // before and after each event that is under way; the first is that of told
	seen   uint64   // acknowledged up to
	kept   uint64   // events up to it are trimmed
}

func hashOf(before uint64, event []byte) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, before, " ")
	h.Write(event)
	return h.Sum64()
}

// Run works on all users in turn until stop is closed.
func (r *Racer) Run(stop <-chan struct{}) error {
	r.epochs = make(map[uint16]uint64)
	users := make(map[actors.Key]*racedUser)
	for {
		select {
		case <-stop:
			for key, u := range users {
				if err := u.Await(); err == nil {
					r.note(key, u)
				}
			}
			return nil
		default:
		}
		key := raceKey(r.IntN(raceUsers))
		u := users[key]
		if u != nil {
			r.note(key, u)
		}
		if u == nil || u.Err() != nil {
			var err error
			if u, err = r.wake(key); err != nil {
				return err
			}
			users[key] = u
			continue
		}
		if u.Last < u.seen+20 {
			r.write(u)
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

// wake reads a user, under the epoch that the racer knew before.
func (r *Racer) wake(key actors.Key) (*racedUser, error) {
	shard := actors.ShardOf(key)
	if r.epochs[shard] == 0 || r.IntN(8) == 0 {
		if err := r.take(shard); err != nil {
			return nil, err
		}
	}
	epoch := r.epochs[shard]
	if r.IntN(4) == 0 {
		time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond) // others overtake
	}
	var state, seq uint64
	for {
		err := r.Store.Load(context.Background(), key, func(b []byte) (err error) {
			_, err = fmt.Sscan(string(b), &seq, &state)
			return err
		}, func(b []byte) error {
			var before uint64
			if _, err := fmt.Sscan(string(b), &before); err != nil {
				return err
			}
			if before != state {
				return fmt.Errorf("%s: event %d begins at %d, and the journal is at %d: a fork", key, seq+1, before, state)
			}
			state, seq = hashOf(state, b), seq+1
			return nil
		})
		if CodeOf(err) == actors.Unavailable {
			time.Sleep(5 * time.Millisecond)
			seq, state = 0, 0
			continue
		}
		return &racedUser{Actor: NewFenced(key, epoch, seq), states: []uint64{state}, seen: seq, kept: seq - min(seq, 30)}, err
	}
}

func (r *Racer) take(shard uint16) error {
	ctx := context.Background()
	all, err := r.Store.Epochs(ctx)
	if err != nil {
		return nil // later
	}
	from := actors.Fence{Shard: shard}
	for _, a := range all {
		if a.Shard == shard {
			from = a.Fence
		}
	}
	taken, err := r.Store.Take(ctx, r.Name, []actors.Fence{from})
	if err == nil && len(taken) == 1 {
		r.epochs[shard] = taken[0].Epoch
	}
	if CodeOf(err) == actors.Unavailable {
		err = nil
	}
	return err
}

// write appends one to three events, now and then with a snapshot, which trims
// all but the newest few.
func (r *Racer) write(u *racedUser) {
	w := u.Write()
	state := u.states[len(u.states)-1]
	n := len(u.states)
	for range 1 + r.IntN(3) {
		e := []byte(fmt.Sprint(state, " ", r.Name, " ", r.Uint64()))
		w.Events = append(w.Events, e)
		state = hashOf(state, e)
		u.states = append(u.states, state)
	}
	if r.IntN(5) == 0 {
		w.Snapshot = []byte(fmt.Sprint(w.Last(), " ", state))
		w.Forget = w.Last()
		if keep := w.Last() - min(w.Last(), uint64(r.IntN(3))); keep > u.kept {
			w.Delete = []actors.Range{{First: u.kept + 1, Last: keep}}
			u.kept = keep
		}
	}
	if r.Store.Append(w) != nil {
		u.states = u.states[:n] // nothing was done
		return
	}
	u.Last = w.Last()
}

// note tells what was acknowledged since the last time.
func (r *Racer) note(key actors.Key, u *racedUser) {
	for u.seen < u.Durable() {
		u.seen++
		r.Acked(key, u.seen, u.states[0], u.states[1])
		u.states = u.states[1:]
	}
}

// A Judge sees all acknowledgements: each event once, each behind the other.
type Judge struct {
	mu     sync.Mutex
	acks   map[actors.Key]map[uint64][2]uint64
	number int
	errs   []error
}

// NewJudge returns a judge that has seen nothing.
func NewJudge() *Judge { return &Judge{acks: make(map[actors.Key]map[uint64][2]uint64)} }

// Acked notes that an event was acknowledged, with the states before and after it.
func (j *Judge) Acked(key actors.Key, seq, before, after uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.number++
	of := j.acks[key]
	if of == nil {
		of = make(map[uint64][2]uint64)
		j.acks[key] = of
	}
	if _, ok := of[seq]; ok {
		j.errs = append(j.errs, fmt.Errorf("%s: event %d was acknowledged twice", key, seq))
	}
	of[seq] = [2]uint64{before, after}
	if prev, ok := of[seq-1]; ok && prev[1] != before {
		j.errs = append(j.errs, fmt.Errorf("%s: event %d is not behind event %d", key, seq, seq-1))
	}
	if next, ok := of[seq+1]; ok && next[0] != after {
		j.errs = append(j.errs, fmt.Errorf("%s: event %d is not behind event %d", key, seq+1, seq))
	}
}

// Check compares what was acknowledged with what the store holds at the end.
func (j *Judge) Check(t *testing.T, s Store) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, err := range j.errs {
		if i == 10 {
			t.Errorf("and %d more", len(j.errs)-i)
			break
		}
		t.Error(err)
	}
	fenced := &Racer{Rand: rand.New(rand.NewPCG(1, 1)), Name: "judge", Store: s, epochs: make(map[uint16]uint64)}
	for i := range raceUsers {
		key := raceKey(i)
		u, err := fenced.wake(key)
		if err != nil {
			t.Error(err)
			continue
		}
		for seq, states := range j.acks[key] {
			if seq > u.seen || seq == u.seen && states[1] != u.states[0] {
				t.Errorf("%s: event %d was acknowledged, the journal ends at %d with another state", key, seq, u.seen)
			}
		}
	}
	if j.number == 0 {
		t.Error("nothing was acknowledged: the race shows nothing")
	}
	t.Logf("%d events acknowledged", j.number)
}
