package store

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"reddot/actors"
)

// killDir names the data directory to the process that the test kills.
const killDir = "REDDOT_STORE_KILL_DIR"

const killActors = 8

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := appendForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if url := os.Getenv(raceURL); url != "" {
		if err := raceProcess(url, os.Getenv(raceNode)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	closeServers()
	os.Exit(code)
}

// killWrite is the write of event seq: every tenth has a snapshot and forgets
// what is before it, so that deletions are under way when the kill comes.
func killWrite(s *actors.Stream, seq uint64) *actors.Write {
	w := &actors.Write{Stream: s, After: seq - 1, Events: [][]byte{killEvent(s.Key, seq)}}
	w.Tally = []actors.Tally{{ID: killTally(s.Key), Kind: actors.TallyRead, N: 1}}
	if seq%10 == 0 {
		w.Snapshot = killEvent(s.Key, seq)
		w.Forget = seq
		w.Delete = []actors.Range{{First: seq - 9, Last: seq}}
	}
	return w
}

func killEvent(key actors.Key, seq uint64) []byte {
	return []byte(fmt.Sprintf("%s %d %s", key, seq, strings.Repeat("x", int(seq%300))))
}

func killTally(key actors.Key) actors.ID { return actors.ID{15: key[len(key)-1]} }

func killKey(i int) actors.Key { return actors.UserKey("default", strconv.Itoa(i)) }

// appendForever appends events of a few actors, several under way for each,
// and prints what is acknowledged.
func appendForever(dir string) error {
	p, err := Open(Config{Dir: dir, MemTableBytes: 1 << 20}, quiet(), nil)
	if err != nil {
		return err
	}
	out := make(chan string, 1024)
	for i := range killActors {
		last := uint64(0)
		err := p.Load(context.Background(), killKey(i), killCount(&last), killCount(&last))
		if err != nil {
			return err
		}
		go appendOf(p, killKey(i), last, out)
	}
	for line := range out {
		if _, err := os.Stdout.WriteString(line); err != nil {
			return err
		}
	}
	return nil
}

func appendOf(p *Pebble, key actors.Key, last uint64, out chan<- string) {
	told := make(chan struct{}, 1)
	s := actors.NewStream(key, actors.Fence{Shard: actors.ShardOf(key)}, last, func() {
		select {
		case told <- struct{}{}:
		default:
		}
	})
	out <- fmt.Sprintln(key, last)
	for {
		for last < s.Durable()+5 {
			last++
			if p.Append(killWrite(s, last)) != nil {
				return
			}
		}
		<-told
		out <- fmt.Sprintln(key, s.Durable())
	}
}

// killCount reads the seq out of an event or a snapshot.
func killCount(last *uint64) func([]byte) error {
	return func(b []byte) error {
		seq, err := strconv.ParseUint(strings.Fields(string(b))[1], 10, 64)
		*last = seq
		return err
	}
}

func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	acked := map[actors.Key]uint64{}
	for range 6 {
		killOnce(t, dir, acked, time.Duration(r.IntN(400))*time.Millisecond)
		checkKilled(t, dir, acked)
	}
	t.Logf("acknowledged: %v", acked)
}

// startKilled runs the process, and returns what it acknowledges.
func startKilled(t *testing.T, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, bufio.NewReader(out)
}

// killOnce runs the process, lets it work for a while after its first
// acknowledgement, kills it and notes what it acknowledged.
func killOnce(t *testing.T, dir string, acked map[actors.Key]uint64, after time.Duration) {
	t.Helper()
	cmd, lines := startKilled(t, dir)
	if !noteAcked(t, lines, acked, 1) {
		t.Fatal("the process ended before its first acknowledgement")
	}
	time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	for noteAcked(t, lines, acked, 1) {
	}
	_ = cmd.Wait() // it was killed
}

// checkKilled checks what all actors left.
func checkKilled(t *testing.T, dir string, acked map[actors.Key]uint64) {
	t.Helper()
	p := openPebble(t, Config{Dir: dir})
	defer closeStore(t, p)
	for i := range killActors {
		checkActor(t, p, killKey(i), acked[killKey(i)], math.MaxUint64)
	}
}

// checkActor checks that the actor's events are there up to acked at least
// and last at most, without a hole and as they were written, each with its
// part of the funnel: a write is there whole or not at all.
func checkActor(t *testing.T, s store, key actors.Key, acked, last uint64) {
	t.Helper()
	var seq uint64
	check := func(b []byte) error {
		if err := killCount(&seq)(b); err != nil {
			return err
		}
		if string(b) != string(killEvent(key, seq)) {
			return fmt.Errorf("%s %d: got %q", key, seq, b)
		}
		return nil
	}
	if err := s.Load(t.Context(), key, check, check); err != nil { // Load refuses holes
		t.Fatal(err)
	}
	if seq < acked || seq > last {
		t.Errorf("%s: the last event is %d, want %d to %d", key, seq, acked, last)
	}
	tallies, err := s.Tallies(t.Context(), killTally(key))
	if err != nil || uint64(tallies[actors.TallyRead]) != seq {
		t.Errorf("%s: tally %d, %v; want %d", key, tallies[actors.TallyRead], err, seq)
	}
}
