package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/transports"
)

// revocationKind is the kind of the records that hold revocations.
const revocationKind = "revocation"

// userKey names a user among all apps.
type userKey struct{ app, user string }

// revocation is what is stored: tokens issued up to Before are refused.
type revocation struct {
	Before time.Time `json:"before"`
}

// Revocations refuse the user tokens that were issued up to a moment, per
// user, so that a user can be disconnected at once and stays out until it has
// a fresh token. It is safe for concurrent use.
//
// When a token was issued its claim iat says, by the issuer's clock, which may
// go before ours by the leeway. So a token is fresh if it was issued more than
// the leeway after the revocation: whoever is out stays out, and a user comes
// back that much later. A token without iat cannot be told from a revoked one,
// and is refused for as long as the revocation stands. That is the longest life
// of a token: what was issued before has then expired.
type Revocations struct {
	records actors.Records
	count   atomic.Int64 // of before: nobody revoked is the common case, and takes no lock

	writes sync.Mutex // held during a change, the record's write included
	hooks  []func(app, user string, at time.Time)

	mu     sync.RWMutex
	before map[userKey]time.Time
}

// LoadRevocations reads all revocations from the records.
func LoadRevocations(ctx context.Context, records actors.Records) (*Revocations, error) {
	r := &Revocations{records: records, before: map[userKey]time.Time{}}
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// OnRevoke has f called for each user revoked from now on, here or as Reload
// finds, after his old tokens are refused. It is for closing his connections.
func (r *Revocations) OnRevoke(f func(app, user string, at time.Time)) {
	r.writes.Lock()
	defer r.writes.Unlock()
	r.hooks = append(r.hooks, f)
}

// Revoke refuses the user's tokens issued up to at. An earlier moment than one
// that already stands changes nothing.
func (r *Revocations) Revoke(ctx context.Context, app, user string, at time.Time) error {
	if _, err := transports.ParseApp(app); err != nil {
		return err
	}
	if _, err := transports.ParseUser(user); err != nil {
		return err
	}
	hooks, err := r.revoke(ctx, userKey{app, user}, at)
	if err != nil {
		return err
	}
	for _, f := range hooks {
		f(app, user, at)
	}
	return nil
}

func (r *Revocations) revoke(ctx context.Context, k userKey, at time.Time) ([]func(string, string, time.Time), error) {
	r.writes.Lock()
	defer r.writes.Unlock()
	if !at.After(r.since(k)) {
		return nil, nil
	}
	value, err := json.Marshal(revocation{Before: at.UTC()})
	if err != nil {
		return nil, fmt.Errorf("revoke %s: encode: %w", k.record(), err)
	}
	if err := r.records.PutRecord(ctx, revocationKind, k.record(), value); err != nil {
		return nil, fmt.Errorf("revoke %s: store: %w", k.record(), err)
	}
	r.mu.Lock()
	r.before[k] = at
	r.count.Store(int64(len(r.before)))
	r.mu.Unlock()
	return slices.Clone(r.hooks), nil
}

// Lift removes the user's revocation; it is no error if there is none.
func (r *Revocations) Lift(ctx context.Context, app, user string) error {
	k := userKey{app, user}
	r.writes.Lock()
	defer r.writes.Unlock()
	if err := r.records.DeleteRecord(ctx, revocationKind, k.record()); err != nil {
		return fmt.Errorf("lift the revocation of %s: %w", k.record(), err)
	}
	r.mu.Lock()
	delete(r.before, k)
	r.count.Store(int64(len(r.before)))
	r.mu.Unlock()
	return nil
}

// Refuses returns why the user's token of that moment is refused at now, nil if it
// is not. The zero moment is that of a token which does not say.
func (r *Revocations) Refuses(app, user string, issued, now time.Time, rules TokenRules) *actors.Error {
	if r == nil || r.count.Load() == 0 {
		return nil
	}
	before := r.since(userKey{app, user})
	if before.IsZero() {
		return nil
	}
	fresh, end := before.Add(rules.Leeway), before.Add(rules.Leeway+rules.MaxLifetime)
	switch {
	case !now.Before(end) || issued.After(fresh):
		return nil
	case issued.IsZero():
		return &actors.Error{Code: actors.Unauthorized, RetryAfter: end.Sub(now), Detail: fmt.Sprintf("the user was disconnected, and the token does not say by iat "+
			"when it was issued, so that it can't be told from those of before; until %s only a token with iat is good", end.UTC().Format(time.RFC3339))}
	}
	return &actors.Error{Code: actors.Unauthorized, RetryAfter: max(0, fresh.Sub(now)), Detail: fmt.Sprintf("the user was disconnected, and the tokens of before were revoked; "+
		"one is good that was issued (iat) after %s", fresh.UTC().Format(time.RFC3339))}
}

// Sweep forgets the revocations that stand no more at now.
func (r *Revocations) Sweep(ctx context.Context, now time.Time, rules TokenRules) error {
	var old []userKey
	r.mu.RLock()
	for k, before := range r.before {
		if !now.Before(before.Add(rules.Leeway + rules.MaxLifetime)) {
			old = append(old, k)
		}
	}
	r.mu.RUnlock()
	for _, k := range old {
		// Another server may have disconnected the user anew, and we not know yet.
		fresh, err := r.stored(ctx, k)
		if err != nil {
			return err
		}
		if !now.Before(fresh.Add(rules.Leeway + rules.MaxLifetime)) {
			if err := r.Lift(ctx, k.app, k.user); err != nil {
				return err
			}
		}
	}
	return nil
}

// stored returns the moment of the user's revocation as it stands in the records;
// zero: there is none.
func (r *Revocations) stored(ctx context.Context, k userKey) (time.Time, error) {
	value, err := r.records.ReadRecord(ctx, revocationKind, k.record())
	switch {
	case err != nil && actors.AsError(err).Code == actors.NotFound:
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("revocation of %s: read: %w", k.record(), err)
	}
	var v revocation
	if err := json.Unmarshal(value, &v); err != nil {
		return time.Time{}, fmt.Errorf("revocation of %s: decode: %w", k.record(), err)
	}
	return v.Before, nil
}

// Reload reads all revocations again, as when another process has written some.
func (r *Revocations) Reload(ctx context.Context) error {
	fresh, hooks, err := r.reload(ctx)
	if err != nil {
		return err
	}
	for k, at := range fresh {
		for _, f := range hooks {
			f(k.app, k.user, at)
		}
	}
	return nil
}

// reload returns what was not known, or only with an earlier moment.
func (r *Revocations) reload(ctx context.Context) (map[userKey]time.Time, []func(string, string, time.Time), error) {
	r.writes.Lock()
	defer r.writes.Unlock()
	before, fresh := map[userKey]time.Time{}, map[userKey]time.Time{}
	err := transports.EachRecord(ctx, r.records, revocationKind, func(record actors.Record) error {
		app, user, ok := strings.Cut(record.Key, "/")
		var v revocation
		if err := json.Unmarshal(record.Value, &v); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		if !ok {
			return errors.New("the key is not app/user")
		}
		k := userKey{app, user}
		before[k] = v.Before
		if v.Before.After(r.since(k)) {
			fresh[k] = v.Before
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load revocations: %w", err)
	}
	r.mu.Lock()
	r.before = before
	r.count.Store(int64(len(before)))
	r.mu.Unlock()
	return fresh, slices.Clone(r.hooks), nil
}

// Since returns the moment up to which the user's tokens are refused, or zero.
func (r *Revocations) Since(app, user string) time.Time { return r.since(userKey{app, user}) }

// since returns the moment up to which the user's tokens are refused, or zero.
func (r *Revocations) since(k userKey) time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.before[k]
}

// record returns the record's key. No app has a slash in its name.
func (k userKey) record() string { return k.app + "/" + k.user }
