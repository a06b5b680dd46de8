package profile

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"reddot/actors"
)

// DeviceIDs returns by which ids the store knows a profile's devices among those of an
// app, each once and in their order.
func DeviceIDs(app string, p *actors.Profile) (ids []actors.ID) {
	for _, a := range p.GetAddresses() {
		if c := ChannelOf(a.GetChannel()); c != nil && c.Device {
			ids = append(ids, deviceID(app, a))
		}
	}
	slices.SortFunc(ids, func(a, b actors.ID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// deviceID returns an id that no two devices share, and that does not tell the address.
func deviceID(app string, a *actors.Address) (id actors.ID) {
	sum := sha256.Sum256([]byte("device\x00" + app + "\x00" + a.Channel + "\x00" + a.Address))
	copy(id[:], sum[:])
	return id
}

// WithoutDevices returns the profile without some of its devices; p is not changed.
func WithoutDevices(app string, p *actors.Profile, gone []actors.ID) *actors.Profile {
	rest, _ := merged(p, &actors.Profile{}, nil)
	rest.Addresses = slices.DeleteFunc(rest.Addresses, func(a *actors.Address) bool {
		c := ChannelOf(a.GetChannel())
		return c != nil && c.Device && slices.Contains(gone, deviceID(app, a))
	})
	return rest
}
