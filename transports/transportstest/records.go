package transportstest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// Records are records in memory. Fail, if set, is the error of every write.
type Records struct {
	mu   sync.Mutex
	All  map[string]map[string][]byte
	Fail error
}

var _ actors.Records = (*Records)(nil)

// NewRecords returns none.
func NewRecords() *Records {
	return &Records{All: map[string]map[string][]byte{}}
}

// PutRecord implements actors.Records.
func (m *Records) PutRecord(_ context.Context, kind, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return m.Fail
	}
	if m.All[kind] == nil {
		m.All[kind] = map[string][]byte{}
	}
	m.All[kind][key] = slices.Clone(value)
	return nil
}

// DeleteRecord implements actors.Records.
func (m *Records) DeleteRecord(_ context.Context, kind, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return m.Fail
	}
	delete(m.All[kind], key)
	return nil
}

// ReadRecord implements actors.Records.
func (m *Records) ReadRecord(_ context.Context, kind, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.All[kind][key]
	if !ok {
		return nil, actors.Errorf(actors.NotFound, "no such record")
	}
	return slices.Clone(v), nil
}

// ListRecords implements actors.Records.
func (m *Records) ListRecords(_ context.Context, kind, after string, limit int) ([]actors.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []actors.Record
	for k, v := range m.All[kind] {
		if k > after {
			list = append(list, actors.Record{Key: k, Value: slices.Clone(v)})
		}
	}
	slices.SortFunc(list, func(a, b actors.Record) int { return strings.Compare(a.Key, b.Key) })
	return list[:min(limit, len(list))], nil
}

// Clock is a time that a test moves.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock returns a clock that stands at some moment of 2026.
func NewClock() *Clock { return &Clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Add moves it.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// WantCode fails the test unless err is an actors.Error with the code ("" for
// nil) whose detail contains the text. It returns the error.
func WantCode(t *testing.T, err error, code actors.Code, text string) *actors.Error {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Fatalf("got %v, want no error", err)
		}
		return nil
	}
	var e *actors.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an actors.Error with %s", err, code)
	}
	if e.Code != code || !strings.Contains(e.Detail, text) {
		t.Fatalf("got %s %q, want %s with %q", e.Code, e.Detail, code, text)
	}
	return e
}

// Must returns the value, and panics over an error.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Request makes a request as it would come from the peer.
func Request(peer net.Addr, method, uri string, header ...string) *fasthttp.RequestCtx {
	var r fasthttp.Request
	r.Header.SetMethod(method)
	r.SetRequestURI(uri)
	r.Header.SetHost("reddot.example")
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&r, peer, nil)
	return ctx
}

// TCP returns the address of a peer.
func TCP(text string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(text), 4711))
}

// Two addresses.
var (
	Addr1 = netip.MustParseAddr("192.0.2.1")
	Addr2 = netip.MustParseAddr("192.0.2.2")
)
