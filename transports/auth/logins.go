package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"reddot/actors"
	"reddot/transports"
)

// How many logins wait for their passwords to be hashed, in all and of one
// address. More are refused as Busy, and come again.
const (
	maxHashWaiting  = 512
	maxHashOfOne    = 128
	maxLoginsCached = 1 << 14 // that succeeded lately
)

// LoginsConfig says who may log in by a password.
type LoginsConfig struct {
	File     *PasswordFile // nil: nobody
	Topics   []string      `yaml:"password_topics"`           // patterns of the topics that they may read and write; %u stands for the user
	Hashings int           `yaml:"password_hashings" min:"0"` // passwords that are hashed at a time, each by a core and in 7 MiB; 0: half as many as there are cores

	steady func() time.Time                            // by which a bad password is remembered; nil: time.Now
	fits   func(h *passwordHash, password []byte) bool // nil: passwordHash.fits
}

// Logins verify passwords. What succeeded is remembered by a keyed digest, so
// that whoever comes back costs no hashing. It is safe for concurrent use.
type Logins struct {
	byName map[transports.LoginName]*known
	all    []*known // for names that are not known
	key    [sha256.Size]byte
	good   *transports.Recent[loginDigest, *transports.Principal]
	bad    *transports.Recent[loginDigest, time.Time] // until when
	hash   hashings
	steady func() time.Time
	fits   func(*passwordHash, []byte) bool
}

// known is a login of the file.
type known struct {
	*Login
	principal *transports.Principal
}

// loginDigest is that of a name and a password.
type loginDigest [sha256.Size]byte

// NewLogins returns the verifier of the file's passwords.
func NewLogins(cfg LoginsConfig) *Logins {
	l := &Logins{byName: map[transports.LoginName]*known{}, good: transports.NewRecent[loginDigest, *transports.Principal](maxLoginsCached), bad: transports.NewRecent[loginDigest, time.Time](badTokens),
		steady: cfg.steady, fits: cfg.fits}
	if l.steady == nil {
		l.steady = time.Now
	}
	if l.fits == nil {
		l.fits = (*passwordHash).fits
	}
	if cfg.Hashings <= 0 {
		cfg.Hashings = max(1, runtime.GOMAXPROCS(0)/2)
	}
	l.hash = hashings{slots: make(chan struct{}, cfg.Hashings), of: map[netip.Addr]int{}}
	_, _ = rand.Read(l.key[:]) // it never fails
	if cfg.File != nil {
		for _, login := range cfg.File.Logins() {
			k := &known{login, login.principal(cfg.Topics)}
			l.byName[transports.LoginName{App: login.App, Name: login.Name}] = k
			l.all = append(l.all, k)
		}
	}
	if len(l.all) == 0 {
		l.all = []*known{{Login: &Login{hash: newPasswordHash(l.key[:])}}} // it stands for names that are not known
	}
	return l
}

// Len returns how many logins there are.
func (l *Logins) Len() int { return len(l.byName) }

// principal returns the caller whom the login stands for.
func (l *Login) principal(patterns []string) *transports.Principal {
	topics := make([]string, len(patterns))
	for i, p := range patterns {
		topics[i] = strings.ReplaceAll(p, "%u", l.User)
	}
	return &transports.Principal{ID: "user:" + l.User, App: l.App, Kind: transports.PasswordUser, Scopes: transports.ScopeRead, User: l.User,
		Topics: transports.Topics{Read: topics, Write: topics}, Login: transports.LoginName{App: l.App, Name: l.Name}, Signer: l.signer(patterns)}
}

// signer returns what stands while the login does as it is.
func (l *Login) signer(patterns []string) transports.Signer {
	return sha256.Sum256([]byte("password\x00" + l.line() + "\x00" + strings.Join(patterns, "\x00")))
}

// stillValid tells whether the login by which a caller came is still in the file, with
// the same password, user and topics.
func (l *Logins) stillValid(p *transports.Principal) bool {
	k := l.byName[p.Login]
	return k != nil && k.principal.Signer == p.Signer
}

// find returns the login that a client's user name means, or nil.
func (l *Logins) find(name string) *known {
	app, rest, ok := strings.Cut(name, "/")
	if !ok {
		app, rest = transports.DefaultApp, name
	}
	return l.byName[transports.LoginName{App: app, Name: rest}]
}

// digest names a pair of user name and password in the caches. It is keyed, and
// the key is nowhere but here: what is in memory is no use for guessing.
func (l *Logins) digest(name string, password []byte) loginDigest {
	h := hmac.New(sha256.New, l.key[:])
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name)))) // it never fails
	_, _ = h.Write([]byte(name))
	_, _ = h.Write(password)
	return loginDigest(h.Sum(nil))
}

// verify returns the caller with this name and password. A name that is not known
// costs the hashing of one that is, always the same one, so that time does not
// tell them apart.
func (l *Logins) verify(name string, password []byte, d loginDigest) (*transports.Principal, error) {
	k := l.find(name)
	tried := k
	if k == nil {
		tried = l.all[binary.BigEndian.Uint64(l.digestOf(name))%uint64(len(l.all))]
	}
	if fits := l.fits(&tried.hash, password); !fits || k == nil {
		l.bad.Put(d, l.steady().Add(badTime))
		return nil, errBadPassword
	}
	l.good.Put(d, k.principal)
	return k.principal, nil
}

func (l *Logins) digestOf(name string) []byte {
	d := l.digest(name, nil)
	return d[:]
}

// knownBad tells whether the pair was found bad a moment ago.
func (l *Logins) knownBad(d loginDigest) bool {
	until, ok := l.bad.Get(d)
	return ok && l.steady().Before(until)
}

// errBadPassword does not say which of the two it is.
var errBadPassword = &actors.Error{Code: actors.Unauthorized, Detail: "the user name or the password is wrong"}

// Login returns the caller with a user name and a password, as a client of MQTT
// sends them from the address: the password may be a server key or a user token
// (Verify), else it is one of the Logins. It keeps nothing of password. It may
// wait for its turn until ctx ends.
func (a *Auth) Login(ctx context.Context, name string, password []byte, from netip.Addr) (*transports.Principal, error) {
	rules := a.rules.Load()
	if rules.Logins == nil || rules.Dev || len(password) == 0 || isKey(password) || looksSigned(password) {
		return a.Verify(ctx, password, from)
	}
	p, err := a.login(ctx, rules, name, password, from)
	if err != nil && a.audit != nil && actors.AsError(err).Code == actors.Unauthorized {
		e := transports.AuditEntry{Failed: actors.AsError(err).Detail, Target: "password"}
		if k := rules.Logins.find(name); k != nil { // what else a stranger writes there may be a password
			e.App, e.Target = k.App, "login:"+k.String()
		}
		a.audit.LoginFailed(from, e)
	}
	return p, err
}

// login is Login by the Logins, what is cheap first.
func (a *Auth) login(ctx context.Context, rules *authRules, name string, password []byte, from netip.Addr) (*transports.Principal, error) {
	l := rules.Logins
	if len(password) > MaxPassword {
		return nil, transports.Unauthorizedf("the password has more than %d bytes", MaxPassword)
	}
	d := l.digest(name, password)
	if p, ok := l.good.Get(d); ok {
		return rules.tokens.unblocked(p)
	}
	if l.knownBad(d) {
		return nil, errBadPassword
	}
	if err := a.gate.Trusts(from); err != nil {
		return nil, err
	}
	if err := l.hash.enter(ctx, from); err != nil {
		return nil, err
	}
	defer l.hash.leave()
	// Meanwhile the same client may have come in, or others of the address failed.
	if p, ok := l.good.Get(d); ok {
		return rules.tokens.unblocked(p)
	}
	if err := a.gate.Trusts(from); err != nil {
		return nil, err
	}
	p, err := l.verify(name, password, d)
	if err != nil {
		a.gate.Failed(from)
		return nil, err
	}
	return rules.tokens.unblocked(p)
}

// unblocked refuses a caller with a password while its user is disconnected: a
// password does not say when it was issued, so that none is fresh.
func (t *Tokens) unblocked(p *transports.Principal) (*transports.Principal, error) {
	if e := t.revoked(p); e != nil {
		return nil, &actors.Error{Code: actors.Unauthorized, RetryAfter: e.RetryAfter,
			Detail: "the user was disconnected, and logs in by no password until that is lifted (DELETE /v1/users/{user}/disconnect) or ends"}
	}
	return p, nil
}

// looksSigned tells whether a password has the form of a token: a compact JWS,
// whose first part is a JSON object.
func looksSigned(password []byte) bool {
	header, rest, ok := strings.Cut(string(password), ".")
	if !ok || strings.Count(rest, ".") != 1 {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(header)
	return err == nil && len(text) > 0 && text[0] == '{'
}

// hashings bound how many passwords are hashed at a time, and how many wait.
type hashings struct {
	slots   chan struct{}
	mu      sync.Mutex
	waiting int
	of      map[netip.Addr]int // of those that wait
}

// enter waits for a turn, which leave gives back. The error is Busy.
func (h *hashings) enter(ctx context.Context, from netip.Addr) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	from = transports.NetworkOf(from)
	if !h.queue(from) {
		return errManyLogins
	}
	defer h.unqueue(from)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errManyLogins
	}
}

func (h *hashings) leave() { <-h.slots }

var errManyLogins = &actors.Error{Code: actors.Busy, Detail: "too many clients log in at this moment; come again", RetryAfter: time.Second}

func (h *hashings) queue(from netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting >= maxHashWaiting || h.of[from] >= maxHashOfOne {
		return false
	}
	h.waiting++
	h.of[from]++
	return true
}

func (h *hashings) unqueue(from netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
	if h.of[from]--; h.of[from] == 0 {
		delete(h.of, from)
	}
}

// Differences says how fresh differs: "added shop/a", "changed b", "removed c", by
// name. Both may be nil.
func (l *Logins) Differences(fresh *Logins) []string {
	var list []string
	for name, k := range fresh.names() {
		switch old := l.names()[name]; {
		case old == nil:
			list = append(list, "added "+k.String())
		case old.principal.Signer != k.principal.Signer:
			list = append(list, "changed "+k.String())
		}
	}
	for name, k := range l.names() {
		if fresh.names()[name] == nil {
			list = append(list, "removed "+k.String())
		}
	}
	slices.Sort(list)
	return list
}

func (l *Logins) names() map[transports.LoginName]*known {
	if l == nil {
		return nil
	}
	return l.byName
}
