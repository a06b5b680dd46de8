package auth

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/transportstest"
)

// testLogins are passwords whose hashings are counted.
type testLogins struct {
	testAuth
	hashed *atomic.Int64
	hold   chan struct{} // if it is not nil, each hashing waits for it
}

// withLogins gives an Auth the logins of a file in which each has the password of
// referenceHash.
func withLogins(t *testing.T, limits transports.Limits, hold chan struct{}, lines ...string) testLogins {
	t.Helper()
	l := testLogins{testAuth: newTestAuth(t, AuthConfig{}, limits), hashed: new(atomic.Int64), hold: hold}
	l.use(t, nil, lines...)
	return l
}

// use puts another file in force.
func (l *testLogins) use(t *testing.T, topics []string, lines ...string) {
	t.Helper()
	file := transportstest.Must(ParsePasswordFile([]byte(strings.Join(lines, "\n"))))
	logins := NewLogins(LoginsConfig{File: file, Topics: topics, Hashings: 2, steady: l.tokens.clock.Now, fits: func(h *passwordHash, password []byte) bool {
		l.hashed.Add(1)
		if l.hold != nil {
			<-l.hold
		}
		return h.fits(password)
	}})
	l.Replace(AuthConfig{Logins: logins}, l.tokens.Tokens)
}

func (l *testLogins) login(name, password string) (*transports.Principal, error) {
	return l.Login(context.Background(), name, []byte(password), transportstest.Addr1)
}

// wantHashed checks how many hashings there were since the last time.
func (l *testLogins) wantHashed(t *testing.T, what string, want int64) {
	t.Helper()
	if n := l.hashed.Swap(0); n != want {
		t.Errorf("%s: %d hashings, want %d", what, n, want)
	}
}

func TestLogin(t *testing.T) {
	l := withLogins(t, transports.Limits{}, nil, "lamp:"+referenceHash+":alice", "shop/lamp:"+referenceHash)
	for _, c := range []struct{ name, password, who string }{
		{"lamp", "password", "default/alice"},
		{"default/lamp", "password", "default/alice"},
		{"shop/lamp", "password", "shop/lamp"},
		{"lamp", l.key, "shop/"},
		{"alice", l.token, "default/alice"},
		{"", l.token, "default/alice"},
	} {
		p, err := l.login(c.name, c.password)
		if err != nil || p.App+"/"+p.User != c.who {
			t.Errorf("%s: got %+v, %v; want %s", c.name, p, err, c.who)
		}
	}
	p, _ := l.login("lamp", "password")
	if !p.IsUser() || p.Can(transports.ToMark) != nil || p.Can(transports.ToPublish) == nil || p.Reaches("bob") == nil || !p.MayWrite("alice", "users/alice/lamp") || p.MayRead("alice", "home/#") {
		t.Errorf("it may otherwise than a user: %+v", p)
	}
	for _, c := range []struct{ name, password string }{
		{"lamp", "passwort"}, {"alice", "password"}, {"other/lamp", "password"}, {"", "password"}, {"/", "password"}, {"default/lamp/", "password"},
		{"lamp", strings.Repeat("x", MaxPassword+1)},
	} {
		_, err := l.login(c.name, c.password)
		transportstest.WantCode(t, err, actors.Unauthorized, "password")
	}
	if _, err := l.login("lamp", ""); err == nil || err.Error() != transports.ErrNoCredential.Error() {
		t.Errorf("without a password: %v", err)
	}
}

// What a stranger tries costs one hashing, whether or not there is such a name,
// and none when it is tried again.
func TestLoginHashesOnce(t *testing.T) {
	l := withLogins(t, transports.Limits{}, nil, "lamp:"+referenceHash)
	for _, c := range []struct{ name, password string }{{"lamp", "password"}, {"lamp", "wrong"}, {"nobody", "password"}, {"no/body", "wrong"}} {
		_, first := l.login(c.name, c.password)
		l.wantHashed(t, c.name+", first", 1)
		_, second := l.login(c.name, c.password)
		l.wantHashed(t, c.name+", again", 0)
		if first != nil && (second == nil || first.Error() != second.Error() || first.Error() != errBadPassword.Error()) {
			t.Errorf("%s: got %v, then %v", c.name, first, second)
		}
	}
	l.tokens.clock.Add(badTime)
	if _, err := l.login("nobody", "password"); err == nil {
		t.Error("nobody came in")
	}
	l.wantHashed(t, "a bad one is not remembered for long", 1)
	empty := withLogins(t, transports.Limits{}, nil)
	if _, err := empty.login("lamp", "password"); err == nil {
		t.Error("somebody came in")
	}
	empty.wantHashed(t, "no file has anybody", 1)
}

// Bad passwords are counted as bad tokens are, and apart from them; known good ones
// still come in.
func TestLoginFailuresAreLimited(t *testing.T) {
	l := withLogins(t, transports.Limits{FailuresPerAddress: 1, FailureBurst: 2}, nil, "lamp:"+referenceHash, "bulb:"+referenceHash)
	if _, err := l.login("lamp", "password"); err != nil {
		t.Fatal(err)
	}
	for _, guess := range []string{"a", "b"} {
		_, err := l.login("lamp", guess)
		transportstest.WantCode(t, err, actors.Unauthorized, "")
	}
	l.hashed.Store(0)
	_, err := l.login("lamp", "c")
	transportstest.WantCode(t, err, actors.TooMany, "bad credentials")
	_, err = l.login("bulb", "password")
	transportstest.WantCode(t, err, actors.TooMany, "bad credentials")
	if _, err := l.Verify(context.Background(), []byte("a.b.c"), transportstest.Addr1); actors.AsError(err).Code != actors.Unauthorized {
		t.Errorf("a token after bad passwords: %v", err) // it is counted apart
	}
	if _, err := l.login("lamp", "password"); err != nil {
		t.Errorf("a client that was here before: %v", err)
	}
	l.wantHashed(t, "an address that has spent its failures", 0)
}

// However many come at once, few are hashed at a time, and few wait.
func TestLoginHashingsAreBounded(t *testing.T) {
	hold := make(chan struct{})
	l := withLogins(t, transports.Limits{FailuresPerAddress: -1}, hold, "lamp:"+referenceHash)
	rules := l.rules.Load()
	hash := &rules.Logins.hash
	var all sync.WaitGroup
	var busy atomic.Int64
	try := func(from netip.Addr, i int) {
		all.Go(func() {
			_, err := l.Login(context.Background(), "lamp", []byte("guess "+hex.EncodeToString([]byte{byte(i >> 8), byte(i)})), from)
			if actors.AsError(err).Code == actors.Busy {
				busy.Add(1)
			}
		})
	}
	const tries = maxHashOfOne + 50
	for i := range tries {
		try(transportstest.Addr1, i)
	}
	until(t, "the address has all that it may", func() bool { return busy.Load() == tries-maxHashOfOne-2 })
	for i := range maxHashWaiting {
		try(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), i)
	}
	until(t, "no more wait", func() bool { return busy.Load() == tries-2-maxHashOfOne+maxHashOfOne })
	if n := l.hashed.Load(); n != 2 {
		t.Errorf("%d are hashed at a time", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := hash.enter(ctx, transportstest.Addr2); err == nil {
		t.Error("who waits no more is let in")
	}
	close(hold)
	all.Wait()
	if hash.waiting != 0 || len(hash.of) != 0 || len(hash.slots) != 0 {
		t.Errorf("%d wait, of %d addresses, %d are under way", hash.waiting, len(hash.of), len(hash.slots))
	}
}

// Many that come in by one password at once are hashed once, each behind another.
func TestLoginTogether(t *testing.T) {
	l := withLogins(t, transports.Limits{}, nil, "lamp:"+referenceHash)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := l.login("lamp", "password"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := l.hashed.Load(); n > 2 {
		t.Errorf("%d hashings", n)
	}
}

func TestLoginStillValid(t *testing.T) {
	other := newPasswordHash([]byte("another one")).text
	for name, c := range map[string]struct {
		topics []string
		lines  []string
		stands bool
	}{
		"as it was":         {nil, []string{"# moved", "b:" + referenceHash, "lamp:" + referenceHash + ":alice"}, true},
		"removed":           {nil, nil, false},
		"another password":  {nil, []string{"lamp:" + other + ":alice"}, false},
		"another user":      {nil, []string{"lamp:" + referenceHash + ":bob"}, false},
		"of another app":    {nil, []string{"shop/lamp:" + referenceHash + ":alice"}, false},
		"with other topics": {[]string{"home/%u/#"}, []string{"lamp:" + referenceHash + ":alice"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := withLogins(t, transports.Limits{}, nil, "lamp:"+referenceHash+":alice")
			p := transportstest.Must(l.login("lamp", "password"))
			if _, ok := l.StillValid(p); !ok {
				t.Fatal("it does not stand at first")
			}
			l.use(t, c.topics, c.lines...)
			if why, ok := l.StillValid(p); ok != c.stands || !ok && why != actors.EndToken {
				t.Errorf("got %v, %v; want %v", why, ok, c.stands)
			}
		})
	}
	l := withLogins(t, transports.Limits{}, nil, "lamp:"+referenceHash)
	p := transportstest.Must(l.login("lamp", "password"))
	l.Replace(AuthConfig{}, l.tokens.Tokens)
	if _, ok := l.StillValid(p); ok {
		t.Error("it stands without any file")
	}
}

func TestLoginTopics(t *testing.T) {
	l := withLogins(t, transports.Limits{}, nil)
	l.use(t, []string{"home/%u/#"}, "lamp:"+referenceHash+":alice")
	p := transportstest.Must(l.login("lamp", "password"))
	if !p.MayRead("alice", "home/alice/#") || !p.MayWrite("alice", "home/alice/on") || p.MayRead("alice", "home/#") || p.MayWrite("alice", "home/bob/on") {
		t.Errorf("got %+v", p.Topics)
	}
}

// Whoever is disconnected stays out, with the right password too.
func TestLoginOfTheDisconnected(t *testing.T) {
	l := withLogins(t, transports.Limits{}, nil, "lamp:"+referenceHash+":alice")
	r := l.tokens.revocations
	p := transportstest.Must(l.login("lamp", "password"))
	if err := r.Revoke(context.Background(), "default", "alice", l.tokens.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.StillValid(p); ok {
		t.Error("it stands")
	}
	_, err := l.login("lamp", "password")
	transportstest.WantCode(t, err, actors.Unauthorized, "disconnected")
	if err := r.Lift(context.Background(), "default", "alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.login("lamp", "password"); err != nil {
		t.Errorf("after it is lifted: %v", err)
	}
}

// The audit log names a login that there is, and never what a stranger wrote.
func TestFailedLoginsByPassword(t *testing.T) {
	l := withLogins(t, transports.Limits{}, nil, "shop/lamp:"+referenceHash)
	audit := transports.NewAudit(transports.AuditConfig{Now: time.Now}, transportstest.NewRecords(), slog.New(slog.DiscardHandler))
	l.Tell(audit)
	for i, name := range []string{"shop/lamp", "my secret"} {
		from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		if _, err := l.Login(context.Background(), name, []byte("wrong one"), from); err == nil {
			t.Error("came in")
		}
	}
	if err := audit.NoteFailures(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, _, err := audit.List(t.Context(), transports.AuditQuery{All: true, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", list)
	if !strings.Contains(got, "login:shop/lamp") || !strings.Contains(got, "login.failed") || !strings.Contains(got, "Target:password") || strings.Contains(got, "secret") || strings.Contains(got, "wrong one") {
		t.Errorf("got %s", got)
	}
}

func TestLoginDifferences(t *testing.T) {
	of := func(lines ...string) *Logins {
		return NewLogins(LoginsConfig{File: transportstest.Must(ParsePasswordFile([]byte(strings.Join(lines, "\n"))))})
	}
	old := of("a:"+referenceHash, "shop/b:"+referenceHash, "c:"+referenceHash)
	fresh := of("a:"+referenceHash, "shop/b:"+referenceHash+":x", "d:"+referenceHash)
	for _, c := range []struct {
		old, fresh *Logins
		want       string
	}{{old, old, ""}, {old, fresh, "added d, changed shop/b, removed c"}, {nil, of("a:" + referenceHash), "added a"}, {of("a:" + referenceHash), nil, "removed a"}, {nil, nil, ""}} {
		if got := strings.Join(c.old.Differences(c.fresh), ", "); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestLooksSigned(t *testing.T) {
	for text, want := range map[string]bool{
		"eyJhbGciOiJIUzI1NiJ9.e30.x": true, "eyJhbGciOiJIUzI1NiJ9.e30.": true, "a.b.c": false, "eyJhbGciOiJIUzI1NiJ9.e30": false,
		"eyJhbGciOiJIUzI1NiJ9.a.b.c": false, "": false, "..": false, "open sesame": false, "www.example.com": false,
	} {
		if got := looksSigned([]byte(text)); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// BenchmarkLogin is what a login costs: the first, and a client that comes back.
func BenchmarkLogin(b *testing.B) {
	f := transportstest.Must(ParsePasswordFile(nil))
	if _, err := f.Set(transportstest.Must(NewLogin("lamp", "")), []byte("open sesame")); err != nil {
		b.Fatal(err)
	}
	a := newTestAuth(b, AuthConfig{Logins: NewLogins(LoginsConfig{File: f})}, transports.Limits{})
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		h := f.Find(transports.DefaultApp, "lamp").hash
		for b.Loop() {
			h.fits([]byte("open sesame"))
		}
	})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.Login(context.Background(), "lamp", []byte("open sesame"), transportstest.Addr1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
