package user_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/profile"
)

// devices is a node whose users have one device between them.
type devices struct {
	t    *testing.T
	j    *actorstest.Journal
	c    *actorstest.Clock
	node *actorstest.Node
}

func newDevices(t *testing.T) *devices {
	d := &devices{t: t, j: actorstest.NewJournal(), c: actorstest.NewClock()}
	t.Cleanup(d.j.Close)
	d.start()
	t.Cleanup(func() { d.node.Stop() })
	return d
}

func (d *devices) start() { d.node = actorstest.NewNode(d.t, d.j, d.c, actors.Limits{}) }

// crash ends the node between two commits, and lets another one go on, whose records
// can be read.
func (d *devices) crash() {
	d.j.Flush()
	d.node.Stop()
	d.j.FailRecords(nil)
	d.start()
}

func (d *devices) ask(user string, c actors.Command) string {
	d.t.Helper()
	r := actors.NewRequest(actors.UserKey(actors.DefaultApp, user), c)
	if err := d.node.Ask(d.t.Context(), r); err != nil {
		d.t.Errorf("%s: %T: %v", user, c, err)
	}
	return string(r.Answer.Body)
}

func withDevice() *actors.Profile {
	return &actors.Profile{Addresses: []*actors.Address{{Channel: "fcm", Address: "the-token"}, {Channel: "email", Address: "a@example.com"}}}
}

func (d *devices) register(user string) {
	d.t.Helper()
	if got := d.ask(user, &actors.SetProfile{Profile: withDevice(), Replace: true}); !strings.Contains(got, "the-token") {
		d.t.Errorf("%s registers: got %s", user, got)
	}
}

// names tells whether the state of a user names the device: an export does not look
// whose it is, as a read does.
func (d *devices) names(user string) bool {
	d.t.Helper()
	return strings.Contains(d.ask(user, &actors.Export{}), "the-token")
}

func (d *devices) owner() string {
	key, err := d.j.Owner(d.t.Context(), profile.DeviceIDs(actors.DefaultApp, withDevice())[0])
	if err != nil {
		return ""
	}
	return key.Name()
}

// await waits until the device is the user's alone, in the state of each.
func (d *devices) await(user string, all ...string) {
	d.t.Helper()
	for end := time.Now().Add(actorstest.Patience); ; time.Sleep(time.Millisecond) {
		var who []string
		for _, u := range all {
			if d.names(u) {
				who = append(who, u)
			}
		}
		if fmt.Sprint(who) == fmt.Sprint([]string{user}) && d.owner() == user {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("the device is named by %v, and the store says it is %q's, want %s", who, d.owner(), user)
		}
		d.c.Advance(time.Second)
		d.node.Fire()
	}
}

func TestDeviceMoves(t *testing.T) {
	d := newDevices(t)
	for range 3 {
		d.register("alice")
		d.await("alice", "alice", "bob")
		d.register("bob")
		d.await("bob", "alice", "bob")
	}
	if got := d.ask("alice", &actors.ReadProfile{}); !strings.Contains(got, "a@example.com") {
		t.Errorf("what is no device has left too: %s", got)
	}
	d.ask("bob", &actors.SetProfile{Profile: &actors.Profile{}, Replace: true})
	if d.owner() != "" {
		t.Errorf("given up, the device is %s's", d.owner())
	}
	d.register("alice")
	d.await("alice", "alice", "bob")
}

// TestDeviceAgain registers a device that the profile names already, which somebody
// else has registered since, before he could say so.
func TestDeviceAgain(t *testing.T) {
	d := newDevices(t)
	d.register("alice")
	d.await("alice", "alice", "bob")
	d.j.FailRecords(errors.New("unreadable"))
	d.register("bob")
	if d.owner() != "bob" || !d.names("alice") {
		t.Fatalf("the device is %s's, and alice names it: %v", d.owner(), d.names("alice"))
	}
	d.ask("alice", &actors.SetProfile{Profile: &actors.Profile{Tags: []string{"vip"}}}) // says nothing of the device
	if d.owner() != "bob" {
		t.Errorf("a tag has taken the device")
	}
	d.register("alice")
	if d.owner() != "alice" {
		t.Errorf("registered again, the device is %s's", d.owner())
	}
	d.j.FailRecords(nil)
	d.await("alice", "alice", "bob")
	writes := d.j.Writes()
	d.register("alice")
	if d.j.Writes() != writes {
		t.Errorf("what changes nothing was written")
	}
}

// TestDeviceCrash ends the node after a device was claimed and before anybody was told.
func TestDeviceCrash(t *testing.T) {
	d := newDevices(t)
	d.register("alice")
	d.await("alice", "alice", "bob")
	d.j.FailRecords(errors.New("unreadable"))
	d.register("bob")
	d.crash()
	if !d.names("alice") {
		t.Fatal("alice was told")
	}
	d.await("bob", "alice", "bob")
}

// TestDeviceRead: who was not told yet finds out when it is read.
func TestDeviceRead(t *testing.T) {
	d := newDevices(t)
	d.register("alice")
	d.await("alice", "alice", "bob")
	d.j.FailRecords(errors.New("unreadable"))
	d.register("bob")
	if got := d.ask("alice", &actors.ReadProfile{}); strings.Contains(got, "the-token") {
		t.Errorf("alice has %s", got)
	}
	if got := d.ask("bob", &actors.ReadProfile{}); !strings.Contains(got, "the-token") {
		t.Errorf("bob has %s", got)
	}
}

// TestDeviceRace registers a device for many at once: one has it.
func TestDeviceRace(t *testing.T) {
	d := newDevices(t)
	var all []string
	for i := range 8 {
		all = append(all, fmt.Sprint("user", i))
	}
	for range 5 {
		var wg sync.WaitGroup
		for _, u := range all {
			wg.Go(func() {
				r := actors.NewRequest(actors.UserKey(actors.DefaultApp, u), &actors.SetProfile{Profile: withDevice(), Replace: true})
				if err := d.node.Ask(t.Context(), r); err != nil {
					t.Errorf("%s: %v", u, err)
				}
			})
		}
		wg.Wait()
		d.await(d.owner(), all...)
	}
}

// TestDeviceErased: what is stored of devices leaves with the user.
func TestDeviceErased(t *testing.T) {
	d := newDevices(t)
	d.register("alice")
	d.await("alice", "alice", "bob")
	d.ask("alice", &actors.Erase{})
	list, err := d.j.ListRecords(t.Context(), "device", "", 10)
	if err != nil || len(list) > 0 || d.owner() != "" {
		t.Errorf("left are %v, %v, and the device is %q's", list, err, d.owner())
	}
	d.register("bob")
	d.ask("alice", &actors.Erase{})
	d.await("bob", "alice", "bob")
}
