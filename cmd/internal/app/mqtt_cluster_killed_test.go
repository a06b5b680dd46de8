package app_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"reddot/cmd/internal/app"
	"reddot/transports/mqtt/packet"
)

// A row is what one subscriber has got of each publisher.
type row struct {
	mu  sync.Mutex
	got map[string][]int
}

func (r *row) add(payload []byte) {
	from, n, _ := strings.Cut(string(payload), " ")
	number, err := strconv.Atoi(n)
	if err != nil {
		number = -1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got[from] = append(r.got[from], number)
}

func (r *row) len() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range r.got {
		n += len(list)
	}
	return n
}

// startProcesses starts servers on one database, each in a process of its own,
// and returns them and their addresses for MQTT, plain and by TLS.
func startProcesses(t *testing.T, servers int) (all []*process, plain, secure []string) {
	t.Helper()
	db := app.StartDatabase(t)
	for range servers {
		plain, secure = append(plain, app.FreeAddr(t)), append(secure, app.FreeAddr(t))
		var s *process
		if len(all) == 0 {
			s = newProcess(t)
		} else {
			first := all[0]
			s = &process{binary: first.binary, dir: t.TempDir(), addr: app.FreeAddr(t), env: slices.Clone(first.env)}
		}
		s.secure(t)
		s.env = append(s.env, "REDDOT_MQTT_LISTEN="+plain[len(all)], "REDDOT_MQTT_LISTEN_TLS="+secure[len(all)])
		s.args = []string{"--store", db.URL(), "--cluster-bind", "127.0.0.1:0"}
		s.start(t)
		t.Cleanup(func() {
			_ = s.cmd.Process.Kill() // it may be dead already
			_ = s.cmd.Wait()
		})
		all = append(all, s)
	}
	return all, plain, secure
}

// TestMQTTWillsOfKilledServer kills a server under the feet of clients whose
// sessions outlive their connections, and whose users live there and elsewhere:
// their wills are published by whoever has the users then.
func TestMQTTWillsOfKilledServer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it waits for clients that do not come again")
	}
	const clients = 6
	all, addrs, _ := startProcesses(t, 2)
	watcher, got := pahoClient(t, addrs[1], "watcher")
	done(t, watcher.Subscribe("gone/+", 1, nil))
	for i := range clients {
		id := fmt.Sprint("mortal", i)
		pahoClient(t, addrs[0], id, func(o *paho.ClientOptions) { o.SetWill("gone/"+id, id, 1, false) })
	}
	all[0].kill(t)
	seen := map[string]bool{}
	for late := time.After(mqttPatience); len(seen) < clients; {
		select {
		case m := <-got:
			if seen[m] {
				t.Errorf("%s came twice", m)
			}
			seen[m] = true
		case <-late:
			connected := watcher.IsConnectionOpen()
			all[1].kill(t)
			t.Fatalf("got only the wills of %v; the watcher is connected: %t; the server that was left says\n%s", seen, connected, all[1].out)
		}
	}
}

// pahoClient returns a connected client whose session outlives its connection,
// and the payloads that it gets.
func pahoClient(t *testing.T, addr, id string, with ...func(*paho.ClientOptions)) (paho.Client, <-chan string) {
	t.Helper()
	got := make(chan string, 100)
	o := paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetCleanSession(false).SetAutoReconnect(false)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) })
	for _, fn := range with {
		fn(o)
	}
	c := paho.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return c, got
}

// TestMQTTKilledInCluster has clients publish with QoS 2 at three servers, and
// others, which outlive their connections, get it at all of them, while one
// server after the other is killed and started again: whoever lost its
// connection goes on at the next server, and each gets everything exactly once
// and in each publisher's order.
func TestMQTTKilledInCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it kills servers for half a minute")
	}
	const servers, publishers, subscribers, messages, kills = 3, 3, 4, 120, 6
	all, plain, secure := startProcesses(t, servers)
	at := func(i int, id string) *stubborn { // every second one by TLS
		addrs := plain
		if i%2 == 1 {
			addrs = secure
		}
		j := i % servers
		return &stubborn{addr: addrs[j], others: slices.Concat(addrs[j+1:], addrs[:j]), id: id, secure: i%2 == 1}
	}
	var rows []*row
	var subs, pubs sync.WaitGroup
	for i := range subscribers {
		r, c := &row{got: map[string][]int{}}, at(i, fmt.Sprint("sub", i))
		c.connect()
		c.insist(&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: []byte("chain/+"), QoS: 2}}}, packet.TypeSuback)
		rows = append(rows, r)
		subs.Go(func() {
			c.receive(func(payload []byte) bool {
				r.add(payload)
				return r.len() >= publishers*messages
			})
		})
	}
	for i := range publishers {
		c := at(i+1, fmt.Sprint("pub", i))
		pubs.Go(func() {
			c.connect()
			for n := range messages {
				id := uint16(n%3 + 1) // used again and again
				c.insist(&packet.Publish{QoS: 2, ID: id, Topic: []byte(fmt.Sprint("chain/", i)), Payload: fmt.Appendf(nil, "pub%d %d", i, n)}, packet.TypePubrec)
				c.insist(&packet.Pubrel{ID: id}, packet.TypePubcomp)
			}
		})
	}
	total := func() (n int) {
		for _, r := range rows {
			n += r.len()
		}
		return n
	}
	for k := range kills {
		before := total()
		waitFor(t, "messages between two kills", func() bool {
			return total() > before+subscribers*publishers*messages/(2*kills) || total() == subscribers*publishers*messages
		})
		all[k%servers].kill(t)
		time.Sleep(200 * time.Millisecond) // clients go elsewhere
		all[k%servers].start(t)
	}
	pubs.Wait()
	finished := make(chan struct{})
	go func() { defer close(finished); subs.Wait() }()
	select {
	case <-finished:
	case <-time.After(2 * mqttPatience):
		t.Errorf("got %d messages of %d", total(), subscribers*publishers*messages)
	}
	for i, r := range rows {
		r.mu.Lock()
		for from, list := range r.got {
			for want, n := range list {
				if n != want {
					t.Errorf("subscriber %d: of %s message %d came in the place of %d: %v", i, from, n, want, list)
					break
				}
			}
		}
		r.mu.Unlock()
	}
}
