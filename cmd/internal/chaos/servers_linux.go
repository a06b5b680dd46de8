package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"reddot/actors/store/pgserver"
)

// The secrets of a run. It is alone in its namespaces.
const (
	clusterKey  = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	tokenSecret = "a secret of a run that nobody else reaches" //nolint:gosec // G101: of namespaces that end with the test
)

// A world is the servers of a run and what they stand on.
type world struct {
	cfg      Config
	dir      string
	db       *pgserver.Server
	relay    *relay
	key      string // a server key
	operator string // one for the servers themselves
	author   string // one that writes campaigns
	approver string // and one that lets them go
	say      func(format string, args ...any)
	probe    *http.Client
	reader   *http.Client // for long answers, when the machine is busy

	mu      sync.Mutex
	servers [mostNodes + 1]*server
	trouble []error // what servers must never do
}

// A server is one place for a process, with a network of its own.
type server struct {
	number int
	cmd    *exec.Cmd     // nil: it does not run
	gone   chan struct{} // closed when the process has ended
	log    *os.File
	wanted bool // it is started again if it ends by itself
	frozen bool
	life   int
}

// newWorld makes the network and the database.
func newWorld(ctx context.Context, cfg Config, say func(string, ...any)) (*world, error) {
	w := &world{cfg: cfg, say: say, dir: cfg.Keep, probe: &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting}},
		reader: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting}}}
	if w.dir == "" {
		w.dir = "/run/chaos"
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil { //nolint:gosec // G301: of a namespace, or of the caller's choice
		return nil, err
	}
	if err := makeNetwork(mostNodes); err != nil {
		return nil, err
	}
	var err error
	if w.db, err = startDatabase(ctx); err != nil {
		return nil, err
	}
	if w.relay, err = newRelay(ctx, socket(w.db), say); err != nil {
		return nil, err
	}
	if err = w.writeCertificate(); err != nil {
		return nil, err
	}
	if w.key, err = w.createKey(ctx, "publish,read,admin"); err != nil {
		return nil, err
	}
	if w.author, err = w.createKey(ctx, "author"); err != nil {
		return nil, err
	}
	if w.approver, err = w.createKey(ctx, "approve"); err != nil {
		return nil, err
	}
	if w.operator, err = w.createKey(ctx, "operator"); err != nil {
		return nil, err
	}
	return w, nil
}

// createKey makes a server key in the database.
func (w *world) createKey(ctx context.Context, scopes string) (string, error) {
	cmd := exec.CommandContext(ctx, w.cfg.Binary, "key", "create", "--store", w.db.URL(), "--scopes", scopes) //nolint:gosec // G204: the program under test
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("create a key for %s: %w: %s", scopes, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// url returns where a server takes requests.
func (w *world) url(i int) string {
	scheme := "http"
	if w.cfg.TLS {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s:%d", scheme, nodeIP(i), httpPort)
}

// start starts a server. It need not be ready when start returns.
func (w *world) start(i int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.startLocked(i)
}

func (w *world) startLocked(i int) error {
	s := w.servers[i]
	if s == nil {
		s = &server{number: i}
		w.servers[i] = s
	}
	if s.cmd != nil {
		return nil
	}
	s.life++
	var err error
	if s.log, err = os.Create(filepath.Join(w.dir, fmt.Sprintf("server-%d.%d.log", i, s.life))); err != nil {
		return err
	}
	var seeds []string
	for j := 1; j <= w.cfg.Nodes; j++ {
		seeds = append(seeds, fmt.Sprintf("%s:%d", seenIP(j), gossipPort))
	}
	args := []string{"netns", "exec", netns(i), w.cfg.Binary, "serve",
		"--http", fmt.Sprintf("%s:%d", nodeIP(i), httpPort),
		"--cluster-bind", fmt.Sprintf("%s:%d", nodeIP(i), gossipPort), "--join", strings.Join(seeds, ",")}
	level := "info"
	if w.cfg.Verbose {
		level = "debug"
	}
	for _, set := range append(w.edge(i), []string{
		"log.level=" + level,
		fmt.Sprintf("cluster.advertise=%s:%d", seenIP(i), gossipPort),
		fmt.Sprintf("cluster.peers=%s:%d", nodeIP(i), linkPort), fmt.Sprintf("cluster.advertise_peers=%s:%d", seenIP(i), linkPort),
		"limits.requests_per_address=-1", "limits.connections_per_address=-1", "limits.failures_per_address=-1", "limits.publishes_per_key=-1",
		"inbox.messages=20000", "inbox.size=64MiB", "inbox.retain_events=50000", "inbox.retain_size=64MiB", "inbox.connections=10000",
		"origins=http://127.0.0.1", "store.timeout=3s", "stop.drain=1s", "stop.timeout=10s",
	}...) {
		args = append(args, "--set", set)
	}
	s.cmd = exec.Command("ip", args...) //nolint:gosec // G204: the program under test
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Env = append(os.Environ(), "FAULTS_CLOCK_FILE="+w.clockFile(i), "REDDOT_CLUSTER_KEY="+clusterKey, "REDDOT_TOKEN_SECRET="+tokenSecret,
		fmt.Sprintf("REDDOT_STORE_URL=postgres://reddot@%s:%d/postgres?sslmode=disable", seenIP(database), storePort))
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	if err := w.relay.listen(i); err != nil {
		return err
	}
	s.wanted, s.frozen, s.gone = true, false, make(chan struct{})
	go w.wait(s, s.cmd, s.log, s.gone)
	return nil
}

// restartAfter is the pause before a server that has ended by itself is started
// again, as an init system would do it.
const restartAfter = 300 * time.Millisecond

// wait sees to a process until it has ended, and starts another one if nobody
// wanted that.
func (w *world) wait(s *server, cmd *exec.Cmd, log *os.File, gone chan struct{}) {
	err := cmd.Wait()
	_ = log.Close()
	w.relay.close(s.number)
	text, readErr := os.ReadFile(log.Name())
	w.mu.Lock()
	defer w.mu.Unlock()
	s.cmd = nil
	close(gone)
	if readErr != nil {
		w.trouble = append(w.trouble, readErr)
	}
	if s.wanted {
		w.say("server %d has ended by itself: %v: %s", s.number, err, lastLine(text))
		time.AfterFunc(restartAfter, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if s.wanted {
				if err := w.startLocked(s.number); err != nil {
					w.trouble = append(w.trouble, err)
				}
			}
		})
	}
	for _, bad := range []string{"panic: ", "panicked", "fatal error: ", "DATA RACE"} {
		if i := bytes.Index(text, []byte(bad)); i >= 0 {
			w.trouble = append(w.trouble, fmt.Errorf("server %d: %s", s.number, text[i:min(len(text), i+3000)]))
		}
	}
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// signal sends a signal to a server's process, if it runs.
func (w *world) signal(i int, sig syscall.Signal, wanted bool) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.servers[i]
	if s == nil || s.cmd == nil {
		return nil
	}
	switch sig {
	case syscall.SIGSTOP:
		s.frozen = true
	case syscall.SIGCONT:
		s.frozen = false
	}
	s.wanted = wanted
	_ = s.cmd.Process.Signal(sig) // it may have ended just now
	return s.gone
}

// kill ends a server by SIGKILL.
func (w *world) kill(i int) {
	if gone := w.signal(i, syscall.SIGKILL, false); gone != nil {
		<-gone
	}
}

// drainTime is how long a server may take to leave; after it, it is killed.
const drainTime = 30 * time.Second

// drain lets a server leave in order.
func (w *world) drain(i int) {
	gone := w.signal(i, syscall.SIGTERM, false)
	if gone == nil {
		return
	}
	select {
	case <-gone:
	case <-time.After(drainTime):
		w.mu.Lock()
		w.trouble = append(w.trouble, fmt.Errorf("server %d did not leave within %v", i, drainTime))
		w.mu.Unlock()
		w.kill(i)
	}
}

func (w *world) freeze(i int)   { w.signal(i, syscall.SIGSTOP, true) }
func (w *world) unfreeze(i int) { w.signal(i, syscall.SIGCONT, true) }

// running returns the servers whose process is there, frozen or not.
func (w *world) running() (list []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.servers {
		if s != nil && s.wanted {
			list = append(list, s.number)
		}
	}
	return list
}

// any returns one of the running servers.
func (w *world) any(rng *rand.Rand) int {
	list := w.running()
	if len(list) == 0 {
		return 1
	}
	return list[rng.IntN(len(list))]
}

// readyTime is how long servers may take until all work again after the last
// fault.
const readyTime = 60 * time.Second

// settle waits until all wanted servers are ready and know each other.
func (w *world) settle(ctx context.Context) error {
	late := time.Now().Add(readyTime)
	for {
		why := w.unsettled(ctx)
		if why == nil {
			return nil
		}
		if time.Now().After(late) {
			return fmt.Errorf("after %v without a fault: %w", readyTime, why)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// unsettled says what is not as it should be when nothing is wrong.
func (w *world) unsettled(ctx context.Context) error {
	list := w.running()
	shards := 0
	for _, i := range list {
		if err := w.get(ctx, i, "/readyz", nil); err != nil {
			return fmt.Errorf("server %d is not ready: %w", i, err)
		}
		var status clusterStatus
		if err := w.get(ctx, i, "/v1/cluster", &status); err != nil {
			return fmt.Errorf("server %d: %w", i, err)
		}
		shards = 0
		for _, m := range status.Members {
			shards += m.Shards
		}
		if len(status.Members) != len(list) || shards != 1024 {
			return fmt.Errorf("server %d knows %d of %d servers, with %d shards", i, len(status.Members), len(list), shards)
		}
	}
	return nil
}

// clusterStatus is what the checks read of GET /v1/cluster.
type clusterStatus struct {
	Members []struct {
		Node   string `json:"node"`
		State  string `json:"state"`
		Shards int    `json:"shards"`
	} `json:"members"`
}

// stop ends all.
func (w *world) stop() error {
	for _, i := range w.running() {
		w.unfreeze(i)
	}
	var wait sync.WaitGroup
	for _, i := range w.running() {
		wait.Go(func() { w.drain(i) })
	}
	wait.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.trouble...)
}
