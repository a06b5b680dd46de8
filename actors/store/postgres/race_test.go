package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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

// What a process of a race is told.
const (
	raceURL  = "REDDOT_STORE_RACE_URL"
	raceNode = "REDDOT_STORE_RACE_NODE"
)

// raceProcess is a racer in a process of its own. It prints what is
// acknowledged.
func raceProcess(url, name string) error {
	p, err := Open(context.Background(), Config{URL: url, Timeout: 2 * time.Second}, storetest.NoLog(), nil)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	last := time.Now()
	r := &storetest.Racer{Rand: rand.New(rand.NewPCG(rand.Uint64(), 0)), Name: name, Store: p, Acked: func(key actors.Key, seq, before, after uint64) {
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
	return errors.Join(r.Run(stop), out.Flush())
}

// The same with nodes that are processes, which are stopped and go on at any
// moment, also within an append, and killed.
func TestRaceFrozen(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	url := newDatabase(t)
	p := open(t, Config{URL: url})
	defer storetest.Close(t, p)
	j := storetest.NewJudge()
	var nodes []*racerProcess
	for i := range 3 {
		nodes = append(nodes, startRacer(t, j, url, fmt.Sprint("node", i)))
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	end := time.Now().Add(2 * storetest.RaceTime(t))
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
	j.Check(t, p)
}

type racerProcess struct {
	cmd  *exec.Cmd
	in   io.Closer
	done chan struct{}
}

func startRacer(t *testing.T, j *storetest.Judge, url, name string) *racerProcess {
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
			j.Acked(actors.Key(f[0]), n[0], n[1], n[2])
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
	case <-time.After(storetest.Patience):
		t.Error("a node does not end")
	}
}
