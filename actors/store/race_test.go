package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"reddot/actors"
)

// raceFor is how long the races of stale writers last: a duration, for a long
// run; see raceTime.
const raceFor = "REDDOT_STORE_RACE"

// What a process of a race is told.
const (
	raceURL  = "REDDOT_STORE_RACE_URL"
	raceNode = "REDDOT_STORE_RACE_NODE"
)

func raceTime(t *testing.T) time.Duration {
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

// A racer is a node that believes it owns every user. Now and then it takes
// their shards; otherwise it goes on as if nothing had happened.
//
// The state of a user is the hash of all its events, in order. Each event holds
// the state before it, so that a fork shows.
type racer struct {
	*rand.Rand
	name   string
	store  store
	acked  func(key actors.Key, seq uint64, before, after uint64)
	epochs map[uint16]uint64
}

// A racing is a user as its racer sees it.
type racing struct {
	*actor
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

// run works on all users in turn until stop is closed.
func (r *racer) run(stop <-chan struct{}) error {
	r.epochs = make(map[uint16]uint64)
	users := make(map[actors.Key]*racing)
	for {
		select {
		case <-stop:
			for key, u := range users {
				if err := u.await(); err == nil {
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
		if u.last < u.seen+20 {
			r.write(u)
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

// wake reads a user, under the epoch that the racer knew before.
func (r *racer) wake(key actors.Key) (*racing, error) {
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
		err := r.store.Load(context.Background(), key, func(b []byte) (err error) {
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
		if codeOf(err) == actors.Unavailable {
			time.Sleep(5 * time.Millisecond)
			seq, state = 0, 0
			continue
		}
		return &racing{actor: newFenced(key, epoch, seq), states: []uint64{state}, seen: seq, kept: seq - min(seq, 30)}, err
	}
}

func (r *racer) take(shard uint16) error {
	ctx := context.Background()
	all, err := r.store.Epochs(ctx)
	if err != nil {
		return nil // later
	}
	from := actors.Fence{Shard: shard}
	for _, a := range all {
		if a.Shard == shard {
			from = a.Fence
		}
	}
	taken, err := r.store.Take(ctx, r.name, []actors.Fence{from})
	if err == nil && len(taken) == 1 {
		r.epochs[shard] = taken[0].Epoch
	}
	if codeOf(err) == actors.Unavailable {
		err = nil
	}
	return err
}

// write appends one to three events, now and then with a snapshot, which trims
// all but the newest few.
func (r *racer) write(u *racing) {
	w := u.write()
	state := u.states[len(u.states)-1]
	n := len(u.states)
	for range 1 + r.IntN(3) {
		e := []byte(fmt.Sprint(state, " ", r.name, " ", r.Uint64()))
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
	if r.store.Append(w) != nil {
		u.states = u.states[:n] // nothing was done
		return
	}
	u.last = w.Last()
}

// note tells what was acknowledged since the last time.
func (r *racer) note(key actors.Key, u *racing) {
	for u.seen < u.Durable() {
		u.seen++
		r.acked(key, u.seen, u.states[0], u.states[1])
		u.states = u.states[1:]
	}
}

// A judge sees all acknowledgements: each event once, each behind the other.
type judge struct {
	mu     sync.Mutex
	acks   map[actors.Key]map[uint64][2]uint64
	number int
	errs   []error
}

func newJudge() *judge { return &judge{acks: make(map[actors.Key]map[uint64][2]uint64)} }

func (j *judge) acked(key actors.Key, seq, before, after uint64) {
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

// check compares what was acknowledged with what the store holds at the end.
func (j *judge) check(t *testing.T, s store) {
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
	fenced := &racer{Rand: rand.New(rand.NewPCG(1, 1)), name: "judge", store: s, epochs: make(map[uint16]uint64)}
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

// Several stale writers race for the same users, each as a node of its own,
// while journals are trimmed: nothing is acknowledged twice, and no journal
// forks.
func TestRace(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		s := newMemory(t, Config{})
		race(t, s, s, s, s)
	})
	t.Run("pebble", func(t *testing.T) {
		s := openPebble(t, Config{Dir: t.TempDir()})
		race(t, s, s, s, s)
	})
	t.Run("postgres", func(t *testing.T) {
		cfg := Config{URL: newDatabase(t)}
		race(t, openPostgres(t, cfg), openPostgres(t, cfg), openPostgres(t, cfg), openPostgres(t, cfg))
	})
}

func race(t *testing.T, nodes ...store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	j, stop := newJudge(), make(chan struct{})
	var racing sync.WaitGroup
	for i, s := range nodes {
		r := &racer{Rand: rand.New(rand.NewPCG(seed, uint64(i))), name: fmt.Sprint("node", i), store: s, acked: j.acked}
		racing.Go(func() {
			if err := r.run(stop); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(raceTime(t))
	close(stop)
	racing.Wait()
	j.check(t, nodes[0])
	closed := map[store]bool{}
	for _, s := range nodes {
		if !closed[s] {
			closed[s] = true
			closeStore(t, s)
		}
	}
}

// raceProcess is a racer in a process of its own. It prints what is
// acknowledged.
func raceProcess(url, name string) error {
	p, err := OpenPostgres(context.Background(), Config{URL: url, Timeout: 2 * time.Second}, quiet(), nil)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	last := time.Now()
	r := &racer{Rand: rand.New(rand.NewPCG(rand.Uint64(), 0)), name: name, store: p, acked: func(key actors.Key, seq, before, after uint64) {
		fmt.Fprintln(out, string(key), seq, before, after)
		if time.Since(last) > time.Millisecond {
			_ = out.Flush() // whoever listens may be gone: then this process is, soon
			last = time.Now()
		}
	}}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it
		close(stop)
	}()
	return errors.Join(r.run(stop), out.Flush())
}

// The same with nodes that are processes, which are stopped and go on at any
// moment, also within an append, and killed.
func TestRaceFrozen(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	url := newDatabase(t)
	p := openPostgres(t, Config{URL: url})
	defer closeStore(t, p)
	j := newJudge()
	var nodes []*racerProcess
	for i := range 3 {
		nodes = append(nodes, startRacer(t, j, url, fmt.Sprint("node", i)))
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	end := time.Now().Add(2 * raceTime(t))
	for n := 0; time.Now().Before(end); n++ {
		i := rng.IntN(len(nodes))
		nodes[i].signal(t, syscall.SIGSTOP)
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		if n%10 == 9 {
			nodes[i].signal(t, syscall.SIGKILL)
			<-nodes[i].done
			nodes[i] = startRacer(t, j, url, fmt.Sprint("node", i, "again", n))
		} else {
			nodes[i].signal(t, syscall.SIGCONT)
		}
		time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
	}
	for _, n := range nodes {
		n.stop(t)
	}
	j.check(t, p)
}

type racerProcess struct {
	cmd  *exec.Cmd
	in   io.Closer
	done chan struct{}
}

func startRacer(t *testing.T, j *judge, url, name string) *racerProcess {
	t.Helper()
	p := &racerProcess{cmd: exec.Command(os.Args[0], "-test.run=^$"), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), raceURL+"="+url, raceNode+"="+name)
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.in = in
	go func() {
		defer close(p.done)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				_ = p.cmd.Wait() // it may have been killed
				return
			}
			f := strings.Fields(line)
			var n [3]uint64
			for i := range n {
				if n[i], err = strconv.ParseUint(f[i+1], 10, 64); err != nil {
					t.Error(err)
				}
			}
			j.acked(actors.Key(f[0]), n[0], n[1], n[2])
		}
	}()
	t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

func (p *racerProcess) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

func (p *racerProcess) stop(t *testing.T) {
	t.Helper()
	p.in.Close()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Error("a node does not end")
	}
}

// A process that froze with a Pebble store open, in the middle of an append or
// not, keeps it: nobody else writes to it before that process is gone.
func TestFrozenOwner(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	acked := map[actors.Key]uint64{}
	cmd, lines := startKilled(t, dir)
	for range 5 {
		noteAcked(t, lines, acked, 100)
		if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if p, err := Open(Config{Dir: dir}, quiet(), nil); err == nil || !strings.Contains(err.Error(), "in use by process "+strconv.Itoa(cmd.Process.Pid)) {
			t.Errorf("a second process opens the store of a frozen one: %v", err)
			if err == nil {
				closeStore(t, p)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for noteAcked(t, lines, acked, 1) {
	}
	_ = cmd.Wait() // it was killed
	checkKilled(t, dir, acked)
}

// noteAcked reads n acknowledgements; false: there are no more.
func noteAcked(t *testing.T, lines *bufio.Reader, acked map[actors.Key]uint64, n int) bool {
	t.Helper()
	for range n {
		line, err := lines.ReadString('\n')
		if err != nil {
			return false // a torn last line was not acknowledged to anybody
		}
		key, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		seq, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		acked[actors.Key(key)] = seq
	}
	return true
}
