package transports

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports/transportstest"
)

func newTestGate(t testing.TB, l Limits) (*Gate, *transportstest.Clock) {
	t.Helper()
	c := transportstest.NewClock()
	g, err := NewGate(l, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return g, c
}

func TestGateRequests(t *testing.T) {
	g, clock := newTestGate(t, Limits{RequestsPerAddress: 2, RequestBurst: 3})
	for range 3 {
		transportstest.WantCode(t, g.Request(transportstest.Addr1), "", "")
	}
	for range 2 { // a refusal spends nothing
		e := transportstest.WantCode(t, g.Request(transportstest.Addr1), actors.TooMany, "too many requests")
		if e.RetryAfter != 500*time.Millisecond {
			t.Errorf("got retry after %s, want 0.5 s", e.RetryAfter)
		}
	}
	transportstest.WantCode(t, g.Request(transportstest.Addr2), "", "")
	clock.Add(500 * time.Millisecond)
	transportstest.WantCode(t, g.Request(transportstest.Addr1), "", "")
	transportstest.WantCode(t, g.Request(transportstest.Addr1), actors.TooMany, "")
}

func TestGatePublishes(t *testing.T) {
	g, clock := newTestGate(t, Limits{PublishesPerKey: 10, PublishBurst: 20})
	key := &Principal{ID: "key:a", App: "shop"}
	transportstest.WantCode(t, g.Publish(key, 15), "", "")
	e := transportstest.WantCode(t, g.Publish(key, 15), actors.TooMany, "publishes too many")
	if e.RetryAfter != time.Second {
		t.Errorf("got retry after %s, want 1 s", e.RetryAfter)
	}
	transportstest.WantCode(t, g.Publish(&Principal{ID: "key:a", App: "other"}, 20), "", "")
	transportstest.WantCode(t, g.Publish(key, 5), "", "")
	clock.Add(2 * time.Second)
	transportstest.WantCode(t, g.Publish(key, 1000), "", "") // more than the burst ever holds
	transportstest.WantCode(t, g.Publish(key, 1), actors.TooMany, "")
}

func TestGateFailures(t *testing.T) {
	g, clock := newTestGate(t, Limits{FailuresPerAddress: 1, FailureBurst: 2})
	for range 2 {
		transportstest.WantCode(t, g.Trusts(transportstest.Addr1), "", "")
		g.Failed(transportstest.Addr1)
	}
	e := transportstest.WantCode(t, g.Trusts(transportstest.Addr1), actors.TooMany, "bad credentials")
	if e.RetryAfter != time.Second {
		t.Errorf("got retry after %s, want 1 s", e.RetryAfter)
	}
	transportstest.WantCode(t, g.Trusts(transportstest.Addr2), "", "")
	clock.Add(time.Second)
	transportstest.WantCode(t, g.Trusts(transportstest.Addr1), "", "")
}

func TestGateConnections(t *testing.T) {
	g, _ := newTestGate(t, Limits{ConnectionsPerAddress: 2})
	transportstest.WantCode(t, g.Acquire(transportstest.Addr1), "", "")
	transportstest.WantCode(t, g.Acquire(transportstest.Addr1), "", "")
	if e := transportstest.WantCode(t, g.Acquire(transportstest.Addr1), actors.TooMany, "too many connections"); e.RetryAfter <= 0 {
		t.Error("no retry after")
	}
	transportstest.WantCode(t, g.Acquire(transportstest.Addr2), "", "")
	g.Release(transportstest.Addr1)
	transportstest.WantCode(t, g.Acquire(transportstest.Addr1), "", "")
	for _, a := range []netip.Addr{transportstest.Addr1, transportstest.Addr1, transportstest.Addr2} {
		g.Release(a)
	}
	for i := range g.open.shards {
		if len(g.open.shards[i].n) != 0 {
			t.Error("an address without connections is kept")
		}
	}
}

func TestGateSetLimits(t *testing.T) {
	g, _ := newTestGate(t, Limits{ConnectionsPerAddress: 3, RequestsPerAddress: 1, RequestBurst: 1})
	for range 3 {
		transportstest.WantCode(t, g.Acquire(transportstest.Addr1), "", "")
	}
	transportstest.WantCode(t, g.Request(transportstest.Addr1), "", "")
	if err := g.SetLimits(Limits{MaxBody: -1}); err == nil || g.Limits().ConnectionsPerAddress != 3 {
		t.Error("bad limits are in force")
	}
	if err := g.SetLimits(Limits{ConnectionsPerAddress: 2, RequestsPerAddress: 1, RequestBurst: 2}); err != nil {
		t.Fatal(err)
	}
	transportstest.WantCode(t, g.Request(transportstest.Addr1), "", "")
	transportstest.WantCode(t, g.Request(transportstest.Addr1), "", "")
	transportstest.WantCode(t, g.Request(transportstest.Addr1), actors.TooMany, "")
	g.Release(transportstest.Addr1)
	transportstest.WantCode(t, g.Acquire(transportstest.Addr1), actors.TooMany, "") // two of the three are still open
	g.Release(transportstest.Addr1)
	transportstest.WantCode(t, g.Acquire(transportstest.Addr1), "", "")
}

func TestGateConnectionsTogether(t *testing.T) {
	g, _ := newTestGate(t, Limits{ConnectionsPerAddress: 10})
	var mu sync.Mutex
	open, most := 0, 0
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 100 {
				if g.Acquire(transportstest.Addr1) != nil {
					continue
				}
				mu.Lock()
				open++
				most = max(most, open)
				open--
				mu.Unlock()
				g.Release(transportstest.Addr1)
			}
		})
	}
	all.Wait()
	if most > 10 {
		t.Errorf("%d were open at once", most)
	}
	for range 10 {
		transportstest.WantCode(t, g.Acquire(transportstest.Addr1), "", "")
	}
	transportstest.WantCode(t, g.Acquire(transportstest.Addr1), actors.TooMany, "")
}

func TestGateNetworks(t *testing.T) {
	g, _ := newTestGate(t, Limits{RequestsPerAddress: 1, RequestBurst: 1})
	transportstest.WantCode(t, g.Request(netip.MustParseAddr("2001:db8::1")), "", "")
	transportstest.WantCode(t, g.Request(netip.MustParseAddr("2001:db8::ffff:1")), actors.TooMany, "")
	transportstest.WantCode(t, g.Request(netip.MustParseAddr("2001:db8:0:1::1")), "", "")
	for range 5 {
		transportstest.WantCode(t, g.Request(netip.Addr{}), "", "")
		transportstest.WantCode(t, g.Acquire(netip.Addr{}), "", "")
	}
}

func TestGateDev(t *testing.T) {
	g, _ := newTestGate(t, Limits{RequestsPerAddress: 1, RequestBurst: 1, PublishesPerKey: 1, PublishBurst: 1,
		FailuresPerAddress: 1, FailureBurst: 1, ConnectionsPerAddress: 1, MaxBody: 100}.Dev())
	for range 1000 {
		g.Failed(transportstest.Addr1)
		for _, err := range []error{g.Request(transportstest.Addr1), g.Publish(DevCaller, 1e6), g.Trusts(transportstest.Addr1), g.Acquire(transportstest.Addr1)} {
			transportstest.WantCode(t, err, "", "")
		}
	}
	if g.Limits().MaxBody != 100 {
		t.Error("dev mode lifts the size of a body")
	}
}

func TestGateMemoryIsBounded(t *testing.T) {
	g, _ := newTestGate(t, Limits{Remembered: 128, RequestsPerAddress: 1, RequestBurst: 2})
	for i := range 10_000 {
		transportstest.WantCode(t, g.Request(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})), "", "")
		g.Failed(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if n := g.rules.Load().requests.byKey.Len() + g.rules.Load().failures.byKey.Len(); n > 256 {
		t.Errorf("%d entries are kept, want at most 256", n)
	}
}

// An address that keeps calling is not forgotten, however many others come.
func TestGateKeepsTheBusy(t *testing.T) {
	g, _ := newTestGate(t, Limits{Remembered: 1024, RequestsPerAddress: 1, RequestBurst: 1})
	transportstest.WantCode(t, g.Request(transportstest.Addr1), "", "")
	for i := range 10_000 {
		transportstest.WantCode(t, g.Request(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})), "", "")
		transportstest.WantCode(t, g.Request(transportstest.Addr1), actors.TooMany, "")
	}
}

func TestLimitsDefaults(t *testing.T) {
	d := Limits{}.WithDefaults()
	if d.RequestsPerAddress != 100 || d.ConnectionsPerAddress != 1000 || d.MaxBody != 1<<20 || d.MaxHeader != 8<<10 {
		t.Errorf("got %+v", d)
	}
	none := Limits{MaxBatch: -1, ConnectionsPerAddress: -1, PublishesPerKey: -1, Remembered: -1}.WithDefaults()
	if none.MaxBatch != math.MaxInt || none.ConnectionsPerAddress != math.MaxInt || !math.IsInf(none.PublishesPerKey, 1) || none.Remembered != 1<<20 {
		t.Errorf("got %+v", none)
	}
	own := Limits{MaxBody: 7, RequestsPerAddress: 0.5}.WithDefaults()
	if own.MaxBody != 7 || own.RequestsPerAddress != 0.5 {
		t.Errorf("got %+v", own)
	}
	if again := d.WithDefaults(); fmt.Sprint(again) != fmt.Sprint(d) {
		t.Errorf("a second time gives %+v", again)
	}
	for _, bad := range []Limits{{RequestsPerAddress: math.NaN()}, {MaxLine: 10, MaxBatch: 5}, {MaxBody: -1}} {
		if _, err := NewGate(bad, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestGateAddress(t *testing.T) {
	g, _ := newTestGate(t, Limits{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}})
	const name = "X-Forwarded-For"
	for _, c := range []struct {
		name   string
		peer   net.Addr
		header []string
		want   string
	}{
		{"no proxy", transportstest.TCP("192.0.2.1"), nil, "192.0.2.1"},
		{"a client's own header", transportstest.TCP("192.0.2.1"), []string{name, "1.1.1.1"}, "192.0.2.1"},
		{"proxy", transportstest.TCP("10.0.0.1"), []string{name, "192.0.2.7"}, "192.0.2.7"},
		{"proxy, client lies", transportstest.TCP("10.0.0.1"), []string{name, "1.1.1.1, 192.0.2.7"}, "192.0.2.7"},
		{"two proxies", transportstest.TCP("10.0.0.1"), []string{name, "1.1.1.1,192.0.2.7, 10.9.9.9"}, "192.0.2.7"},
		{"two lines", transportstest.TCP("10.0.0.1"), []string{name, "1.1.1.1", name, "192.0.2.7"}, "192.0.2.7"},
		{"two lines, the last a proxy", transportstest.TCP("10.0.0.1"), []string{name, "1.1.1.1, 192.0.2.7", name, "10.2.2.2"}, "192.0.2.7"},
		{"port", transportstest.TCP("10.0.0.1"), []string{name, "192.0.2.7:80"}, "192.0.2.7"},
		{"IPv6 with a port", transportstest.TCP("fd00::1"), []string{name, "[2001:db8::7]:80"}, "2001:db8::7"},
		{"mapped", transportstest.TCP("::ffff:10.0.0.1"), []string{name, "::ffff:192.0.2.7"}, "192.0.2.7"},
		{"nonsense", transportstest.TCP("10.0.0.1"), []string{name, "1.1.1.1, unknown"}, "10.0.0.1"},
		{"nonsense behind a second proxy", transportstest.TCP("10.0.0.1"), []string{name, "unknown, 10.3.3.3"}, "10.3.3.3"},
		{"empty", transportstest.TCP("10.0.0.1"), []string{name, ""}, "10.0.0.1"},
		{"only proxies", transportstest.TCP("10.0.0.1"), []string{name, "10.5.5.5"}, "10.5.5.5"},
		{"no header", transportstest.TCP("10.0.0.1"), nil, "10.0.0.1"},
		{"Unix socket", &net.UnixAddr{Name: "/run/reddot"}, []string{name, "1.1.1.1"}, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := g.Address(transportstest.Request(c.peer, "GET", "/", c.header...)).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// A proxy that nobody has named is told of once; what a trusted one forwards is
// none.
func TestGateUnnamedProxy(t *testing.T) {
	g, _ := newTestGate(t, Limits{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	var told []string
	g.OnUnnamedProxy(func(peer netip.Addr) { told = append(told, peer.String()) })
	for _, c := range []struct {
		peer   string
		header []string
	}{
		{"192.0.2.1", nil},
		{"10.0.0.1", []string{"X-Forwarded-For", "192.0.2.7"}},
		{"192.0.2.2", []string{"x-forwarded-for", "192.0.2.7"}},
		{"192.0.2.3", []string{"X-Forwarded-For", "192.0.2.7"}},
	} {
		g.Address(transportstest.Request(transportstest.TCP(c.peer), "GET", "/", c.header...))
	}
	if len(told) != 1 || told[0] != "192.0.2.2" {
		t.Errorf("got %q", told)
	}
}

func FuzzForwarded(f *testing.F) {
	g, _ := newTestGate(f, Limits{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, s := range []string{"1.1.1.1, 10.1.1.1", ",,,", "[::1]:", "fe80::1%eth0", "10.0.0.2,10.0.0.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		ctx := transportstest.Request(transportstest.TCP("10.0.0.1"), "GET", "/")
		ctx.Request.Header.Set("X-Forwarded-For", value)
		if a := g.Address(ctx); !a.IsValid() || a.Zone() != "" || a.Is4In6() {
			t.Fatalf("%q gives %v", value, a)
		}
	})
}

func BenchmarkGate(b *testing.B) {
	g := transportstest.Must(NewGate(Limits{RequestsPerAddress: 1e9, RequestBurst: 1e9, PublishesPerKey: 1e9, PublishBurst: 1e9}, nil))
	key := &Principal{ID: "key:a", App: "shop"}
	b.Run("Request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := g.Request(transportstest.Addr1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Publish", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := g.Publish(key, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Acquire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := g.Acquire(transportstest.Addr1); err != nil {
				b.Fatal(err)
			}
			g.Release(transportstest.Addr1)
		}
	})
}
