package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"reddot/cmd/internal/chaos/judge"
	"reddot/transports/mqtt/packet"
)

// A device is a client of MQTT 3.1.1 with a session that outlives its
// connections. It takes its user's messages with QoS 2, exactly as the standard
// asks for, by one server after the other.
type device struct {
	world *world
	view  *judge.Device
	user  string
	token string
	rng   *rand.Rand
	began time.Time
	conn  net.Conn
	buf   []byte
	open  []uint16 // received and not released

	mu sync.Mutex // guards view
}

const deviceKeepAlive = 4 * time.Second

func newDevice(ctx context.Context, w *world, number int, user string, began time.Time) (*device, error) {
	cmd := exec.CommandContext(ctx, w.cfg.Binary, "token", "issue", user, "--ttl", "2h") //nolint:gosec // G204: the program under test
	cmd.Env = append(os.Environ(), "REDDOT_TOKEN_SECRET="+tokenSecret)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("issue a token: %w", err)
	}
	return &device{world: w, user: user, token: strings.TrimSpace(string(out)), began: began,
		rng:  rand.New(rand.NewPCG(w.cfg.Seed, uint64(9000+number))),
		view: &judge.Device{Name: fmt.Sprintf("device %d", number)}}, nil
}

func (d *device) trouble(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.view.Trouble) < 5 {
		d.view.Trouble = append(d.view.Trouble, fmt.Sprintf("at %v: ", time.Since(d.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
	}
}

// got tells whether all of some messages have come.
func (d *device) got(ids []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if !slices.Contains(d.view.IDs, id) {
			return false
		}
	}
	return true
}

// live connects, stays for a while, and goes on elsewhere, until stop.
func (d *device) live(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if err := d.connect(d.world.any(d.rng)); err != nil {
			time.Sleep(time.Duration(20+d.rng.IntN(80)) * time.Millisecond)
			continue
		}
		leave := time.Now().Add(time.Duration(300+d.rng.IntN(8000)) * time.Millisecond)
		d.stay(leave, stop)
		_ = d.conn.Close()
	}
}

// connect opens a connection, and at the first time subscribes.
func (d *device) connect(server int) error {
	var err error
	if d.conn, err = d.world.dialMQTT(server); err != nil {
		return err
	}
	d.buf = nil
	hello := &packet.Connect{Version: packet.V311, ClientID: []byte(d.view.Name), KeepAlive: uint16(deviceKeepAlive.Seconds()),
		Username: []byte(d.user), Password: packet.Password(d.token)}
	p, err := d.ask(hello, packet.TypeConnack)
	if err != nil {
		return errors.Join(err, d.conn.Close())
	}
	ack := p.(*packet.Connack)
	switch {
	case ack.Reason != 0:
		return errors.Join(fmt.Errorf("refused: %v", ack.Reason), d.conn.Close())
	case d.subscribed() && !ack.SessionPresent && d.world.cfg.Mode == Lost:
		d.open = nil // so it is told that the history is another one [MQTT-3.2.2-6 of MQTT 5]
	case d.subscribed() && !ack.SessionPresent:
		d.trouble("server %d does not know the session", server)
	case d.subscribed():
		return nil
	}
	_, err = d.ask(&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: []byte("users/me/messages"), QoS: 2}}}, packet.TypeSuback)
	if err != nil {
		return errors.Join(err, d.conn.Close())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.view.Since == 0 {
		d.view.Since = time.Since(d.began)
	}
	return nil
}

// since returns when the subscription was acknowledged; 0: it was not.
func (d *device) since() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.view.Since
}

func (d *device) subscribed() bool { return d.since() != 0 }

// ask sends a packet and waits for one of a kind; messages that come before it
// are taken.
func (d *device) ask(p packet.Packet, want packet.Type) (packet.Packet, error) {
	if err := d.send(p); err != nil {
		return nil, err
	}
	late := time.Now().Add(deviceKeepAlive)
	for {
		got, err := d.read(late)
		if err != nil {
			return nil, err
		}
		if got.Type() == want {
			return got, nil
		}
		if err := d.take(got); err != nil {
			return nil, err
		}
	}
}

// stay takes what comes until it is time to leave, or the connection ends.
func (d *device) stay(leave time.Time, stop <-chan struct{}) {
	ping := time.Now().Add(deviceKeepAlive / 2)
	answered := true
	for time.Now().Before(leave) {
		select {
		case <-stop:
			return
		default:
		}
		p, err := d.read(time.Now().Add(100 * time.Millisecond))
		switch {
		case err == nil:
			if p.Type() == packet.TypePingresp {
				answered = true
			} else if d.take(p) != nil {
				return
			}
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return
		case time.Now().After(ping):
			if !answered || d.send(&packet.Pingreq{}) != nil {
				return // nobody is there
			}
			ping, answered = time.Now().Add(deviceKeepAlive/2), false
		}
	}
}

func (d *device) send(p packet.Packet) error {
	_ = d.conn.SetWriteDeadline(time.Now().Add(deviceKeepAlive))
	_, err := d.conn.Write(p.Append(nil, packet.V311))
	return err
}

func (d *device) read(late time.Time) (packet.Packet, error) {
	for {
		frame, rest, err := packet.Split(d.buf, packet.MaxSize)
		if err != nil {
			d.trouble("%v", err)
			return nil, err
		}
		if frame != nil {
			d.buf = rest
			return packet.Decode(frame, packet.V311)
		}
		var b [4096]byte
		_ = d.conn.SetReadDeadline(late)
		n, err := d.conn.Read(b[:])
		d.buf = append(d.buf, b[:n]...)
		if err != nil && n == 0 {
			return nil, err
		}
	}
}

// take takes a packet in.
func (d *device) take(p packet.Packet) error {
	switch p := p.(type) {
	case *packet.Publish:
		if p.QoS != 2 {
			d.trouble("a message with QoS %d", p.QoS)
			return nil
		}
		if !slices.Contains(d.open, p.ID) {
			d.open = append(d.open, p.ID)
			d.message(p.Payload)
		}
		return d.send(&packet.Pubrec{ID: p.ID})
	case *packet.Pubrel:
		d.open = slices.DeleteFunc(d.open, func(id uint16) bool { return id == p.ID })
		return d.send(&packet.Pubcomp{ID: p.ID})
	}
	return nil
}

func (d *device) message(payload []byte) {
	var m struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(payload, &m); err != nil || m.ID == "" {
		d.trouble("%v in %q", err, payload)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.view.IDs = append(d.view.IDs, m.ID)
}
