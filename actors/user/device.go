package user

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"reddot/actors"
	"reddot/actors/profile"
)

// A device belongs to one user of an app: to the one whose claim the store took last.
// A claim is in the commit of the profile that names the device, beside a record of who
// claims it. Whoever has claimed one looks for the others that have, and lets each
// look who has it now: a user that reads in the store that it is somebody else forgets
// the address. The wake-up of the claim's commit stays until all have done so.

// claimKind is the kind of the records of who names a device. Their keys are the
// device's id in hex, a slash, and the user's key.
const claimKind = "device"

// claimRetry is after how long those are asked again who could not be, in milliseconds.
const claimRetry = 5000

// claims is what a user's activation knows of its devices.
type claims struct {
	turn    uint64      // counts the changes
	again   []actors.ID // devices that are claimed anew, though the profile names them already
	fresh   []actors.ID // of the last write
	state   claimState
	checked *devicesChecked // what is known for the present request; nil: nothing
}

// claimState says whether others have been told of this user's claims.
type claimState uint8

const (
	claimsUnknown claimState = iota // an earlier activation may not have come to it
	claimsUnderWay
	claimsTold
	claimsFailed
)

// told returns whether others were told; of a user without devices that is never known.
func (c *claims) told() claimState {
	if c == nil {
		return claimsUnknown
	}
	return c.state
}

// claim returns what is known of the user's devices, to be changed.
func (u *User) claim() *claims {
	if u.claims == nil {
		u.claims = &claims{}
	}
	return u.claims
}

// What the user's actor tells itself.
type (
	devicesChecked struct { // for a request: which devices the store says are not this user's
		req  *actors.Request
		turn uint64
		lost []actors.ID
		err  error
	}
	devicesTold struct {
		turn   uint64
		due    *actors.TimeUp // goes on after it; nil: nothing does
		failed bool
	}
)

// Refused implements Refusable.
func (m *devicesChecked) Refused(_ *actors.Home, err *actors.Error) { m.req.Fail(err) }

// ForOne implements ForOne.
func (*devicesTold) ForOne() {}

func (u *User) devices() []actors.ID {
	return profile.DeviceIDs(u.Key.App(), u.inbox.Profile.Profile())
}

// noteDevices adds to the write of a profile's event what it claims and releases.
func (u *User) noteDevices(w *actors.Write, e *actors.Event) {
	had, has := u.devices(), profile.DeviceIDs(u.Key.App(), e.Profile.Profile)
	for _, id := range has {
		if !slices.Contains(had, id) || slices.Contains(u.claim().again, id) {
			w.Claim = append(w.Claim, id)
			w.Records = append(w.Records, actors.RecordChange{Kind: claimKind, Key: claimKey(id, u.Key), Value: []byte{}})
		}
	}
	for _, id := range had {
		if !slices.Contains(has, id) {
			u.disown(w, id)
		}
	}
	if len(w.Claim)+len(w.Release) > 0 {
		u.claim().turn++
		u.claims.fresh = slices.Clone(w.Claim) // the write is the store's
	}
	if len(w.Claim) > 0 {
		w.WakeBy(e.At + claimRetry)
	}
}

func (u *User) disown(w *actors.Write, id actors.ID) {
	w.Release = append(w.Release, id)
	w.Records = append(w.Records, actors.RecordChange{Kind: claimKind, Key: claimKey(id, u.Key)})
}

func claimKey(id actors.ID, of actors.Key) string {
	return hex.EncodeToString(id[:]) + "/" + string(of)
}

// lostDevices returns which of the devices the store says are not this user's. False:
// it is being read, and the request comes again then.
func (u *User) lostDevices(r *actors.Request, ids []actors.ID, missing bool) (lost []actors.ID, known bool) {
	if m := u.claim().checked; m != nil && m.turn == u.claims.turn {
		if m.err != nil {
			u.refuse(r, actors.AsError(m.err))
		}
		return m.lost, m.err == nil
	}
	h, key, turn := u.Home, u.Key, u.claims.turn
	u.after(r, func() {
		h.Load(func() {
			lost, err := notOwned(context.Background(), h.Lookup, key, ids, missing)
			h.Router.Send(key, &devicesChecked{r, turn, lost, err}) // this activation may have ended
		})
	})
	return nil, false
}

// notOwned returns which ids are somebody else's; with missing, or nobody's.
func notOwned(ctx context.Context, lookup actors.Lookup, key actors.Key, ids []actors.ID, missing bool) (lost []actors.ID, err error) {
	for _, id := range ids {
		owner, err := lookup.Owner(ctx, id)
		switch {
		case err != nil && actors.AsError(err).Code == actors.NotFound:
			if missing {
				lost = append(lost, id)
			}
		case err != nil:
			return nil, fmt.Errorf("whose a device is: %w", err)
		case owner != key:
			lost = append(lost, id)
		}
	}
	return lost, nil
}

// devicesChecked goes on with a request that waited to know whose devices are.
func (u *User) devicesChecked(m *devicesChecked) {
	u.claim().checked = m
	u.request(m.req)
	u.claims.checked = nil
}

// reclaimed returns the devices that a change names although the profile does already:
// who registers one last has it.
func (u *User) reclaimed(c *actors.SetProfile) []actors.ID {
	had := u.devices()
	return slices.DeleteFunc(profile.DeviceIDs(u.Key.App(), c.Profile), func(id actors.ID) bool { return !slices.Contains(had, id) })
}

// claiming changes the profile, and lets others know of the devices that it claims.
func (u *User) claiming(r *actors.Request, c *actors.SetProfile, change func()) {
	if named := u.reclaimed(c); len(named) > 0 {
		lost, known := u.lostDevices(r, named, true)
		if !known {
			return
		}
		u.claim().again, c.Anew = lost, len(lost) > 0
	}
	before := u.Seq
	change()
	if u.claims == nil {
		return
	}
	u.claims.again = nil
	if u.Seq > before && len(u.claims.fresh) > 0 {
		u.tellClaims(u.claims.fresh, nil)
	}
	u.claims.fresh = nil
}

// dropDevices forgets devices that are somebody else's by now. After an error nothing was
// done.
func (u *User) dropDevices(lost []actors.ID, t actors.Moment) *actors.Error {
	had := u.devices()
	if !slices.ContainsFunc(lost, func(id actors.ID) bool { return slices.Contains(had, id) }) {
		return nil
	}
	rest := profile.WithoutDevices(u.Key.App(), u.inbox.Profile.Profile(), lost)
	d := u.inbox.SetProfile(&actors.SetProfile{Profile: rest, Replace: true}, actors.Once{}, t)
	if d.Err != nil {
		return d.Err
	}
	return u.persist(d.Events)
}

// tellClaims lets all others who name the devices look whose they are.
func (u *User) tellClaims(ids []actors.ID, due *actors.TimeUp) {
	u.claim().state = claimsUnderWay
	h, self, key, told := u.Home, u.Self, u.Key, &devicesTold{turn: u.claims.turn, due: due}
	u.after(nil, func() {
		h.Load(func() {
			others, err := claimants(context.Background(), h.Records, key, ids)
			if err != nil {
				h.Log.Warn("who else has a device can't be read; it is tried again", "user", string(key), "err", err)
			}
			var left atomic.Int32
			var failed atomic.Bool
			failed.Store(err != nil)
			left.Store(int32(len(others) + 1))
			done := func() {
				if left.Add(-1) == 0 {
					told.failed = failed.Load()
					h.Send(self, told)
				}
			}
			for _, other := range others {
				r := actors.NewRequest(other, &actors.ReadProfile{Part: actors.PartProfile})
				r.OnReply(func(r *actors.Request) {
					if r.Answer.Err != nil {
						failed.Store(true)
					}
					r.Release()
					done()
				})
				h.Router.Send(other, r)
			}
			done()
		})
	})
}

// mostClaimants is how many users of one device are told at a time; it has two at
// most, unless they register it at the same time.
const mostClaimants = 64

// claimants returns who else names the devices.
func claimants(ctx context.Context, records actors.Records, key actors.Key, ids []actors.ID) (others []actors.Key, err error) {
	if records == nil {
		return nil, nil
	}
	for _, id := range ids {
		prefix := claimKey(id, "")
		list, err := records.ListRecords(ctx, claimKind, prefix, mostClaimants)
		if err != nil {
			return others, err
		}
		for _, r := range list {
			of, ok := strings.CutPrefix(r.Key, prefix)
			if !ok {
				break
			}
			if other := actors.Key(of); other != key && !slices.Contains(others, other) {
				others = append(others, other)
			}
		}
	}
	return others, nil
}

// devicesTold goes on when all who could be asked have answered.
func (u *User) devicesTold(m *devicesTold) {
	if u.inbox == nil || u.Ending {
		return // the wake-up comes back to it
	}
	switch {
	case m.failed:
		u.claim().state = claimsFailed
	case m.turn != u.claims.turn && u.claims.state == claimsUnderWay:
		u.tellClaims(u.devices(), m.due)
		return
	default:
		u.claims.state = claimsTold
	}
	switch {
	case m.due != nil:
		u.due(m.due)
	case !m.failed:
		u.rearmWake(u.armed)
	}
	if u.swept {
		u.passivateSoon()
	}
}

// tellsFirst tells whether others are to hear of this user's devices before it does what
// its wake-up is for: that may be what an earlier activation did not come to.
func (u *User) tellsFirst(m *actors.TimeUp) bool {
	if s := u.claims.told(); s == claimsUnderWay || s == claimsTold {
		return false
	}
	ids := u.devices()
	if len(ids) == 0 {
		return false
	}
	u.tellClaims(ids, m)
	return true
}

// claimWake returns when this user has to be woken for its claims at the latest.
func (u *User) claimWake(now int64) int64 {
	if s := u.claims.told(); s == claimsUnderWay || s == claimsFailed {
		return now + claimRetry
	}
	return actors.Never
}
