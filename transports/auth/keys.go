package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/transports"
)

// keyKind is the kind of the records that hold server keys.
const keyKind = "key"

// A server key is written rk_<id>_<secret>: an id of 80 random bits, which
// names the key everywhere, and a secret of 256.
const (
	keyPrefix    = "rk_"
	keyIDLen     = 16
	keySecretLen = 52
	keyLen       = len(keyPrefix) + keyIDLen + 1 + keySecretLen

	maxKeyName      = 128
	maxKeyAddresses = 32
)

// keyCaller begins the Principal.ID of a server key; the key's id follows.
const keyCaller = "key:"

// keyText writes key ids and secrets: letters and digits only, so that a
// double click takes the whole and nothing needs escaping.
var keyText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// A Key describes a server key, without its secret.
type Key struct {
	ID         string            `json:"id"`
	App        string            `json:"app,omitempty"`  // empty: the key of an operator
	Name       string            `json:"name,omitempty"` // what the owner calls it
	Scopes     transports.Scopes `json:"scopes"`
	Addresses  []netip.Prefix    `json:"addresses,omitempty"` // where it may come from; empty: anywhere
	CreatedAt  time.Time         `json:"created_at"`
	CreatedBy  string            `json:"created_by,omitempty"` // a Principal's ID
	ExpiresAt  *time.Time        `json:"expires_at,omitempty"`
	RevokedAt  *time.Time        `json:"revoked_at,omitempty"`
	LastUsedAt *time.Time        `json:"last_used_at,omitempty"` // to about a minute; not of the stored record
}

// Ended tells whether the key is good no more.
func (k *Key) Ended(now time.Time) bool {
	return k.RevokedAt != nil || k.ExpiresAt != nil && !now.Before(*k.ExpiresAt)
}

// A KeyOrder says which key is to be made.
type KeyOrder struct {
	App       string // empty for an operator's, and only there
	Name      string
	Scopes    transports.Scopes
	Addresses []netip.Prefix // at most maxKeyAddresses; none: from anywhere
	ExpiresAt time.Time      // zero: never
	By        string         // the ID of the Principal that asks

	// Noting, if there is one, is called with the key before it is stored; if it
	// fails there is none.
	Noting func(Key) error
}

// check returns what is wrong with the order, an Invalid error.
func (o *KeyOrder) check(now time.Time) error {
	scopes, err := transports.ParseScopes(o.Scopes.Names())
	if err != nil {
		return err
	}
	if scopes == transports.ScopeOperator {
		if o.App != "" {
			return &actors.Error{Code: actors.Invalid, Field: "app", Detail: "a key with the scope operator belongs to no app"}
		}
	} else if _, err := transports.ParseApp(o.App); err != nil {
		return err
	}
	switch {
	case len(o.Name) > maxKeyName:
		return &actors.Error{Code: actors.Invalid, Field: "name", Detail: fmt.Sprintf("a key's name has at most %d bytes", maxKeyName)}
	case len(o.Addresses) > maxKeyAddresses:
		return &actors.Error{Code: actors.Invalid, Field: "addresses", Detail: fmt.Sprintf("a key has at most %d addresses and networks", maxKeyAddresses)}
	case !o.ExpiresAt.IsZero() && !o.ExpiresAt.After(now):
		return &actors.Error{Code: actors.Invalid, Field: "expires_at", Detail: "the key would have expired already"}
	}
	return nil
}

// keyRecord is what is stored: the key and a digest of its whole text.
//
// The digest is one SHA-256, not bcrypt or another slow hash: those make
// guessing a human's password dear, and 256 random bits cannot be guessed at
// any speed. A slow hash here would only slow down each publish.
type keyRecord struct {
	Key
	Digest []byte `json:"digest"`
}

// keyEntry is a key as Verify needs it.
type keyEntry struct {
	key       Key
	digest    [sha256.Size]byte
	principal *transports.Principal
	used      *atomic.Bool // since it was last noted (keyuse.go)
}

// Keys are the server keys of all apps. All are held in memory, so that a
// request with any text for a key costs no read. It is safe for concurrent use.
type Keys struct {
	records actors.Records
	now     func() time.Time
	entries atomic.Pointer[map[string]*keyEntry] // by id; never changed, only replaced

	mu    sync.Mutex // held while entries are replaced, the record's write included
	hooks []func(keyID string)
}

// LoadKeys reads all keys from the records. A nil now is time.Now.
func LoadKeys(ctx context.Context, records actors.Records, now func() time.Time) (*Keys, error) {
	if now == nil {
		now = time.Now
	}
	k := &Keys{records: records, now: now}
	k.entries.Store(&map[string]*keyEntry{})
	if err := k.Reload(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// OnRevoke has f called with the id of each key that is revoked from now on,
// here or as Reload finds, after requests with the key are refused. It is for
// closing the connections that came in with the key.
func (k *Keys) OnRevoke(f func(keyID string)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hooks = append(k.hooks, f)
}

// Create makes a key and returns its text, which cannot be had again.
func (k *Keys) Create(ctx context.Context, o KeyOrder) (Key, transports.Secret, error) {
	now := k.now().UTC().Truncate(time.Millisecond)
	if err := o.check(now); err != nil {
		return Key{}, transports.Secret{}, err
	}
	id, text := newKeyText()
	digest := sha256.Sum256([]byte(text))
	record := keyRecord{Digest: digest[:], Key: Key{ID: id, App: o.App, Name: o.Name, Scopes: o.Scopes,
		Addresses: o.Addresses, CreatedAt: now, CreatedBy: o.By}}
	if !o.ExpiresAt.IsZero() {
		at := o.ExpiresAt.UTC()
		record.ExpiresAt = &at
	}

	if o.Noting != nil {
		if err := o.Noting(record.Key); err != nil {
			return Key{}, transports.Secret{}, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.put(ctx, record); err != nil {
		return Key{}, transports.Secret{}, err
	}
	return record.Key, transports.NewSecret(text), nil
}

// Revoke ends a key of the app: from its return on, this process refuses it.
// It may come twice. A key that the app has not is NotFound.
func (k *Keys) Revoke(ctx context.Context, app, id string) (Key, error) {
	key, hooks, err := k.revoke(ctx, app, id)
	if err != nil {
		return Key{}, err
	}
	for _, f := range hooks {
		f(id)
	}
	return key, nil
}

func (k *Keys) revoke(ctx context.Context, app, id string) (Key, []func(string), error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := (*k.entries.Load())[id]
	if e == nil || e.key.App != app {
		return Key{}, nil, errNotApps
	}
	if e.key.RevokedAt != nil {
		return e.key, nil, nil
	}
	record := keyRecord{Key: e.key, Digest: e.digest[:]}
	now := k.now().UTC().Truncate(time.Millisecond)
	record.RevokedAt = &now
	if err := k.put(ctx, record); err != nil {
		return Key{}, nil, err
	}
	return record.Key, slices.Clone(k.hooks), nil
}

// Remove ends a key of the app and forgets it. A key that the app has not is
// NotFound.
func (k *Keys) Remove(ctx context.Context, app, id string) error {
	hooks, err := k.remove(ctx, app, id)
	for _, f := range hooks {
		f(id)
	}
	return err
}

func (k *Keys) remove(ctx context.Context, app, id string) ([]func(string), error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := (*k.entries.Load())[id]; e == nil || e.key.App != app {
		return nil, errNotApps
	}
	if err := k.records.DeleteRecord(ctx, keyKind, id); err != nil {
		return nil, fmt.Errorf("key %s: remove: %w", id, err)
	}
	entries := maps.Clone(*k.entries.Load())
	delete(entries, id)
	k.entries.Store(&entries)
	if err := k.records.DeleteRecord(ctx, keyUseKind, id); err != nil {
		return k.hooks, fmt.Errorf("key %s: remove when it was used: %w", id, err)
	}
	return slices.Clone(k.hooks), nil
}

var errNotApps = &actors.Error{Code: actors.NotFound, Field: "id", Detail: "the app has no such key"}

// List returns the app's keys, ended ones too, the oldest first; those of
// operators where app is empty. It says when each was last used if ctx lets it
// read that.
func (k *Keys) List(ctx context.Context, app string) []Key {
	keys := []Key{}
	used := k.uses(ctx)
	for id, e := range *k.entries.Load() {
		if e.key.App == app {
			key := e.key
			if at, ok := used[id]; ok {
				key.LastUsedAt = &at
			}
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return keys
}

// Verify returns the caller with this key, who calls from the address; the zero
// address is not known. It keeps nothing of text. An unknown id and a wrong
// secret give the same sentence.
func (k *Keys) Verify(text []byte, from netip.Addr) (*transports.Principal, error) {
	id, ok := keyID(text)
	if !ok {
		return nil, transports.ErrNoKey
	}
	e := (*k.entries.Load())[string(id)]
	if e == nil {
		return nil, transports.ErrNoKey
	}
	digest := sha256.Sum256(text)
	if subtle.ConstantTimeCompare(digest[:], e.digest[:]) != 1 {
		return nil, transports.ErrNoKey
	}
	if err := e.refuses(from, k.now); err != nil {
		return nil, err
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.principal, nil
}

// known returns the key whose whole text this is, though it may have ended.
func (k *Keys) known(text []byte) (Key, bool) {
	id, ok := keyID(text)
	e := (*k.entries.Load())[string(id)]
	if !ok || e == nil {
		return Key{}, false
	}
	digest := sha256.Sum256(text)
	return e.key, subtle.ConstantTimeCompare(digest[:], e.digest[:]) == 1
}

// Find returns the app's key, without when it was last used.
func (k *Keys) Find(app, id string) (Key, bool) {
	e := (*k.entries.Load())[id]
	if e == nil || e.key.App != app {
		return Key{}, false
	}
	return e.key, true
}

// refuses returns why a key is no good although its secret is right.
func (e *keyEntry) refuses(from netip.Addr, now func() time.Time) error {
	switch key := &e.key; {
	case key.RevokedAt != nil:
		return transports.Unauthorizedf("the server key %s was revoked at %s", key.ID, key.RevokedAt.Format(time.RFC3339))
	case key.ExpiresAt != nil && key.Ended(now()):
		return transports.Unauthorizedf("the server key %s expired at %s", key.ID, key.ExpiresAt.Format(time.RFC3339))
	case key.CreatedBy == transports.DevCaller.ID:
		return transports.Unauthorizedf("the server key %s was made in development mode, where anybody can; make another one", key.ID)
	case len(key.Addresses) > 0 && !slices.ContainsFunc(key.Addresses, func(p netip.Prefix) bool { return p.Contains(from) }):
		return actors.Errorf(actors.Forbidden, "the server key %s may not be used from the address %s", key.ID, from)
	}
	return nil
}

// Reload reads all keys again, as when another process has written some.
func (k *Keys) Reload(ctx context.Context) error {
	revoked, hooks, err := k.reload(ctx)
	if err != nil {
		return err
	}
	for _, id := range revoked {
		for _, f := range hooks {
			f(id)
		}
	}
	return nil
}

// reload returns the keys that were good before and are not any more.
func (k *Keys) reload(ctx context.Context) (revoked []string, hooks []func(string), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	entries := map[string]*keyEntry{}
	err = transports.EachRecord(ctx, k.records, keyKind, func(r actors.Record) error {
		var record keyRecord
		if err := json.Unmarshal(r.Value, &record); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		entry, err := newKeyEntry(record)
		if err != nil {
			return err
		}
		if old := (*k.entries.Load())[record.ID]; old != nil {
			entry.used = old.used
		}
		entries[record.ID] = entry
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load server keys: %w", err)
	}
	for id, old := range *k.entries.Load() {
		e := entries[id]
		if old.key.RevokedAt == nil && (e == nil || e.key.RevokedAt != nil) {
			revoked = append(revoked, id)
		}
	}
	k.entries.Store(&entries)
	return revoked, slices.Clone(k.hooks), nil
}

// put stores the record and then shows it to Verify. The caller holds mu.
func (k *Keys) put(ctx context.Context, record keyRecord) error {
	entry, err := newKeyEntry(record)
	if err != nil {
		return err
	}
	value, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("key %s: encode: %w", record.ID, err)
	}
	if err := k.records.PutRecord(ctx, keyKind, record.ID, value); err != nil {
		return fmt.Errorf("key %s: store: %w", record.ID, err)
	}
	entries := maps.Clone(*k.entries.Load())
	if old := entries[record.ID]; old != nil {
		entry.used = old.used
	}
	entries[record.ID] = entry
	k.entries.Store(&entries)
	return nil
}

func newKeyEntry(r keyRecord) (*keyEntry, error) {
	if len(r.Digest) != sha256.Size {
		return nil, fmt.Errorf("key %s: the digest has %d bytes, want %d", r.ID, len(r.Digest), sha256.Size)
	}
	p := &transports.Principal{ID: keyCaller + r.ID, App: r.App, Kind: transports.ServerKey, Scopes: r.Scopes, Topics: transports.TopicsOf(r.Scopes)}
	if r.ExpiresAt != nil {
		p.Expires = *r.ExpiresAt
	}
	return &keyEntry{key: r.Key, digest: [sha256.Size]byte(r.Digest), principal: p, used: &atomic.Bool{}}, nil
}

// newKeyText makes a new key of random bits. crypto/rand cannot fail.
func newKeyText() (id, text string) {
	var b [10 + 32]byte
	_, _ = rand.Read(b[:])
	id = keyText.EncodeToString(b[:10])
	return id, keyPrefix + id + "_" + keyText.EncodeToString(b[10:])
}

// isKey tells whether a credential is meant to be a server key. A JWT begins
// with the base64 of "{".
func isKey(text []byte) bool {
	return len(text) >= len(keyPrefix) && string(text[:len(keyPrefix)]) == keyPrefix
}

// keyID cuts the id out of a key's text, if it has the form of one.
func keyID(text []byte) ([]byte, bool) {
	if len(text) != keyLen || !isKey(text) || text[len(keyPrefix)+keyIDLen] != '_' {
		return nil, false
	}
	return text[len(keyPrefix) : len(keyPrefix)+keyIDLen], true
}
