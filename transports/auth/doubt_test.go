package auth

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/transportstest"
)

// forged returns a token that has all but a good signature; each n has another.
func forged(a testAuth, n int) string {
	return sign(jwt.SigningMethodHS256, []byte(testSecret+"x"), nil, with(a.tokens.clock.Now(), map[string]any{"sub": "mallory" + strconv.Itoa(n)}))
}

// Whoever sends bad tokens shuts out nobody who comes from the same address with
// a good one that the server has not seen, nor a good password.
func TestBadTokensShutNobodyOut(t *testing.T) {
	a := newTestAuth(t, AuthConfig{}, transports.Limits{}) // 5 a second, 50 at once
	for n := range 60 {
		_, err := a.Verify(t.Context(), []byte(forged(a, n)), transportstest.Addr1)
		if want := actors.Unauthorized; n < 50 {
			transportstest.WantCode(t, err, want, "signature")
		} else if e := transportstest.WantCode(t, err, actors.TooMany, "bad credentials"); e.RetryAfter <= 0 {
			t.Error("no retry after")
		}
	}
	for n := range 60 {
		token := transportstest.Must(a.tokens.Issue("default", "user"+strconv.Itoa(n), time.Hour, transports.Topics{}))
		if p, err := a.Verify(t.Context(), []byte(token), transportstest.Addr1); err != nil || p.User != "user"+strconv.Itoa(n) {
			t.Fatalf("good token %d: got %v", n, err)
		}
	}
	if err := a.gate.Trusts(transportstest.Addr1); err != nil {
		t.Errorf("passwords are refused for bad tokens: %v", err)
	}
	transportstest.WantCode(t, second(a.Verify(t.Context(), []byte("x"), transportstest.Addr2)), actors.Unauthorized, "")
}

func second(_ *transports.Principal, err error) error { return err }

// However many addresses guess, however fast, their tokens are looked at by the
// pace that Limits say, and one of them leaves the others most of it.
func TestDoubtedTokensHaveAPace(t *testing.T) {
	const rate = 200
	a := newTestAuth(t, AuthConfig{}, transports.Limits{FailuresPerAddress: 0.001, FailureBurst: 1, DoubtedTokens: rate})
	var guesses atomic.Int64
	guess := func(from netip.Addr) (looked bool) {
		before := forged(a, 1000+int(guesses.Add(1)))
		_, err := a.Verify(t.Context(), []byte(before), from)
		transportstest.WantCode(t, err, actors.TooMany, "bad credentials")
		return a.tokens.knownBad([]byte(before)) != nil
	}
	flood := func(from []netip.Addr) int64 {
		var all sync.WaitGroup
		var looked atomic.Int64
		for _, from := range from {
			for range 250 {
				all.Go(func() {
					if guess(from) {
						looked.Add(1)
					}
				})
			}
		}
		all.Wait()
		return looked.Load()
	}
	var addresses []netip.Addr
	for i := range 8 {
		from := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		addresses = append(addresses, from)
		transportstest.WantCode(t, second(a.Verify(t.Context(), []byte(forged(a, i)), from)), actors.Unauthorized, "") // it is doubted from here on
	}
	// The clock stands: a quarter of a second's worth at once, and half a second's
	// by those who wait for their turn.
	if got, most := flood(addresses[:1]), int64(rate/transports.DoubtedShare/4+rate/transports.DoubtedShare/2); got > most+1 || got < most-1 {
		t.Errorf("%d of 250 guesses of one address were looked at, want %d", got, most)
	}
	token := transportstest.Must(a.tokens.Issue("default", "bob", time.Hour, transports.Topics{}))
	if _, err := a.Verify(t.Context(), []byte(token), addresses[1]); err != nil {
		t.Errorf("a good token of another doubted address: %v", err)
	}
	if got, most := flood(addresses), int64(rate/4+rate/2); got > most {
		t.Errorf("%d of 2,000 guesses of eight addresses were looked at, want at most %d", got, most)
	}
	a.tokens.clock.Add(time.Second)
	fresh := transportstest.Must(a.tokens.Issue("default", "carol", time.Hour, transports.Topics{}))
	for _, from := range append(addresses, transportstest.Addr2) {
		if _, err := a.Verify(t.Context(), []byte(fresh), from); err != nil {
			t.Errorf("a good token a second later from %v: %v", from, err)
		}
	}
}
