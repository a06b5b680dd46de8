package embedded

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
	"reddot/actors/store/storetest"
)

// killDir names the data directory to the process that the test kills.
const killDir = "REDDOT_STORE_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := appendForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// appendForever appends events of a few actors, several under way for each,
// and prints what is acknowledged.
func appendForever(dir string) error {
	p, err := Open(Config{Dir: dir, MemTableBytes: 1 << 20}, storetest.NoLog(), nil)
	if err != nil {
		return err
	}
	out := make(chan string, 1024)
	for i := range storetest.NumberedActors {
		last := uint64(0)
		err := p.Load(context.Background(), storetest.NumberedKey(i), storetest.ReadNumber(&last), storetest.ReadNumber(&last))
		if err != nil {
			return err
		}
		go appendOf(p, storetest.NumberedKey(i), last, out)
	}
	for line := range out {
		if _, err := os.Stdout.WriteString(line); err != nil {
			return err
		}
	}
	return nil
}

func appendOf(p *Store, key actors.Key, last uint64, out chan<- string) {
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
			if p.Append(storetest.NumberedWrite(s, last)) != nil {
				return
			}
		}
		<-told
		out <- fmt.Sprintln(key, s.Durable())
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
	p := open(t, Config{Dir: dir})
	defer storetest.Close(t, p)
	for i := range storetest.NumberedActors {
		storetest.CheckNumbered(t, p, storetest.NumberedKey(i), acked[storetest.NumberedKey(i)], math.MaxUint64)
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
		if p, err := Open(Config{Dir: dir}, storetest.NoLog(), nil); err == nil || !strings.Contains(err.Error(), "in use by process "+strconv.Itoa(cmd.Process.Pid)) {
			t.Errorf("a second process opens the store of a frozen one: %v", err)
			if err == nil {
				storetest.Close(t, p)
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
