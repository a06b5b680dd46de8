package profile

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
)

func text(name, v string) *actors.Attribute {
	return &actors.Attribute{Name: name, Value: &actors.Attribute_Text{Text: v}}
}

// walk is a State with its journal's seq.
type walk struct {
	*State
	t   *testing.T
	seq uint64
}

// do applies a decision, and returns what it has superseded.
func (w *walk) do(c *actors.ProfileChange, err *actors.Error) []uint64 {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	if c == nil {
		return nil
	}
	w.seq++
	return w.Apply(&actors.Event{Seq: w.seq, Profile: c})
}

func (w *walk) want(want string) {
	w.t.Helper()
	if got := string(AppendProfile(nil, w.Profile())); got != want {
		w.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestMerge: a patch replaces the members that it sets, attributes by their names
// and addresses by their channels, and removes those that it names.
func TestMerge(t *testing.T) {
	w := &walk{State: &State{}, t: t}
	set := func(replace bool, p *actors.Profile, removed ...string) []uint64 {
		t.Helper()
		return w.do(w.SetProfile(&actors.SetProfile{Profile: p, Removed: removed, Replace: replace}))
	}
	w.want(`{"tags":[],"attributes":{},"tenants":[],"addresses":{}}`)
	if old := set(true, &actors.Profile{
		Tags: []string{"vip", "beta", "vip"}, Locale: "zh-CN", Zone: "Asia/Shanghai", Tenants: []string{"b", "a"},
		Attributes: []*actors.Attribute{text("city", "Shanghai"), {Name: "age", Value: &actors.Attribute_Number{Number: 41}}, {Name: "at", Value: &actors.Attribute_Time{Time: 1}},
			{Name: "ok", Value: &actors.Attribute_Flag{Flag: true}}, {Name: "l", Value: &actors.Attribute_Numbers{Numbers: &actors.NumberList{List: []float64{1.5, 1e21, 1e20, 0}}}}, {Name: "e", Value: &actors.Attribute_Texts{}}},
		Addresses: []*actors.Address{{Channel: "sms", Address: "+8613800000000"}, {Channel: "apns", Address: "t2", Account: "x"}, {Channel: "apns", Address: "t1"},
			{Channel: "webpush", Address: "https://push.example/1", P256Dh: point, Auth: secret}},
	}); old != nil {
		t.Errorf("the first profile supersedes %v", old)
	}
	w.want(`{"tags":["beta","vip"],"attributes":{"age":41,"at":"1970-01-01T00:00:00.001Z","city":"Shanghai","e":[],"l":[1.5,1e+21,100000000000000000000,0],"ok":true},"locale":"zh-CN","zone":"Asia/Shanghai","tenants":["a","b"],` +
		`"addresses":{"apns":[{"token":"t2","topic":"x"},{"token":"t1"}],"sms":[{"address":"+8613800000000"}],"webpush":[{"endpoint":"https://push.example/1","keys":{"p256dh":"` + point + `","auth":"` + secret + `"}}]}}`)
	if old := set(false, &actors.Profile{Attributes: []*actors.Attribute{text("city", "Berlin")}, Addresses: []*actors.Address{{Channel: "apns", Address: "t3"}}},
		"tags", "locale", "attributes.l", "attributes.none", "attributes.e", "attributes.at", "addresses.webpush"); !slices.Equal(old, []uint64{1}) {
		t.Errorf("the second profile supersedes %v, want the event 1", old)
	}
	w.want(`{"tags":[],"attributes":{"age":41,"city":"Berlin","ok":true},"zone":"Asia/Shanghai","tenants":["a","b"],"addresses":{"apns":[{"token":"t3"}],"sms":[{"address":"+8613800000000"}]}}`)
	if c, err := w.SetProfile(&actors.SetProfile{Profile: &actors.Profile{Zone: "Asia/Shanghai", Tenants: []string{"b", "a"}}}); c != nil || err != nil {
		t.Errorf("got %v, %v for a patch that changes nothing", c, err)
	}
	if _, err := w.SetProfile(&actors.SetProfile{Removed: []string{"name"}}); err == nil {
		t.Error("a member that there is not can be removed")
	}
	if old := set(false, nil, "attributes", "zone", "tenants", "addresses"); !slices.Equal(old, []uint64{2}) || !w.Empty() {
		t.Errorf("superseded %v, and left %v", old, w.Profile())
	}
	if old := set(false, &actors.Profile{Zone: "Asia/Shanghai"}); old != nil {
		t.Errorf("an empty profile's successor supersedes %v", old)
	}
}

// Keys of a subscription to Web Push.
var (
	point  = base64.RawURLEncoding.EncodeToString(append([]byte{4}, make([]byte, 64)...))
	secret = base64.RawURLEncoding.EncodeToString(make([]byte, 16))
)

// TestFollow holds what a user follows, its bounds, and that no event goes on naming a
// topic that is followed no more.
func TestFollow(t *testing.T) {
	w := &walk{State: &State{}, t: t}
	follow := func(topic string, stop bool) []uint64 {
		t.Helper()
		return w.do(w.Follow(&actors.Follow{Topic: topic, Stop: stop}))
	}
	for _, topic := range []string{"b", "c", "a", "b"} {
		if old := follow(topic, false); old != nil {
			t.Errorf("following %s supersedes %v", topic, old)
		}
	}
	if got := w.Follows(); !slices.Equal(got, []string{"a", "b", "c"}) || w.seq != 3 || !w.Following("b") || w.Following("d") {
		t.Errorf("follows %v after %d events", got, w.seq)
	}
	for after, want := range map[string]string{"": "a b +", "a": "b c", "aa": "b c", "b": "c", "c": ""} {
		list, more := w.FollowsAfter(after, 2)
		if got := strings.Join(list, " "); got+map[bool]string{true: " +"}[more] != want {
			t.Errorf("after %q: got %q, %v, want %q", after, got, more, want)
		}
	}
	if old := follow("d", true); old != nil {
		t.Errorf("got %v for a topic that is not followed", old)
	}
	if old := follow("b", true); !slices.Equal(old, []uint64{1, 2, 3, 4}) {
		t.Errorf("superseded %v, want all that name a topic", old)
	}
	for _, topic := range []string{"", "$x", "a+", "#", "\xff"} {
		if _, err := w.Follow(&actors.Follow{Topic: topic}); err == nil {
			t.Errorf("%q can be followed", topic)
		}
	}
	for i := len(w.Follows()); i < MaxFollows; i++ {
		follow(fmt.Sprint("t", i), false)
	}
	if _, err := w.Follow(&actors.Follow{Topic: "one more"}); err == nil || err.Code != actors.TooMany {
		t.Errorf("got %v beyond the number", err)
	}
	w = &walk{State: &State{}, t: t}
	for i := range MaxFollowsSize / 1000 {
		follow(fmt.Sprintf("%01000d", i), false)
	}
	if _, err := w.Follow(&actors.Follow{Topic: strings.Repeat("x", 1000)}); err == nil || err.Code != actors.TooMany {
		t.Errorf("got %v beyond the size", err)
	}
}

// TestJoinList holds in which lists a user is, and that no event goes on naming one that
// it has left.
func TestJoinList(t *testing.T) {
	w := &walk{State: &State{}, t: t}
	join := func(list string, leave bool) []uint64 {
		t.Helper()
		return w.do(w.JoinList(&actors.JoinList{List: list, Leave: leave}))
	}
	w.do(w.Follow(&actors.Follow{Topic: "b"}))
	join("b", false)
	join("a", false)
	join("b", false)
	if got := w.Lists(); !slices.Equal(got, []string{"a", "b"}) || w.seq != 3 || !w.InList("a") || w.InList("c") || w.Empty() || w.Size() != 12 {
		t.Errorf("in %v after %d events, %d bytes", got, w.seq, w.Size())
	}
	if list, more := w.ListsAfter("", 1); !slices.Equal(list, []string{"a"}) || !more {
		t.Errorf("got %v, %v", list, more)
	}
	if old := join("c", true); old != nil {
		t.Errorf("got %v for a list that the user is not in", old)
	}
	if c := (&actors.ProfileChange{Left: []string{"b"}}); !w.Frees(c) || w.Frees(&actors.ProfileChange{Joined: []string{"b"}}) {
		t.Error("leaving a list frees nothing, or joining one does")
	}
	if old := join("b", true); !slices.Equal(old, []uint64{2, 3, 4}) || !w.Following("b") {
		t.Errorf("superseded %v, want all that name a list", old)
	}
	for _, list := range []string{"", ".", "..", "a b", "a/b", "a:b", strings.Repeat("x", MaxListName+1)} {
		if _, err := w.JoinList(&actors.JoinList{List: list}); err == nil || err.Code != actors.Invalid || err.Field != "list" {
			t.Errorf("%q: got %v", list, err)
		}
	}
	for i := len(w.Lists()); i < MaxLists; i++ {
		join(fmt.Sprint("l", i), false)
	}
	if _, err := w.JoinList(&actors.JoinList{List: "one-more"}); err == nil || err.Code != actors.TooMany {
		t.Errorf("got %v beyond the number", err)
	}
	w = &walk{State: &State{}, t: t}
	for i := range MaxListsSize / MaxListName {
		join(fmt.Sprintf("%0*d", MaxListName, i), false)
	}
	if _, err := w.JoinList(&actors.JoinList{List: "x"}); err == nil || err.Code != actors.TooMany {
		t.Errorf("got %v beyond the size", err)
	}
	none := (*State)(nil)
	if list, more := none.ListsAfter("", 1); len(list) > 0 || more || none.InList("a") {
		t.Errorf("who is not known is in %v", list)
	}
	if c, err := none.JoinList(&actors.JoinList{List: "a"}); err != nil || c == nil {
		t.Errorf("who is not known can join no list: %v", err)
	}
}

// TestPreferences shows preferences as they come back.
func TestPreferences(t *testing.T) {
	w := &walk{State: &State{}, t: t}
	if got := string(AppendPreferences(nil, w.Preferences())); got != `{"categories":{},"channels":{},"tenants":{}}` {
		t.Errorf("got %s", got)
	}
	off := []*actors.ChannelPreference{{Channel: "sms"}, {Channel: "email", On: true}}
	p := &actors.Preferences{
		Categories: []*actors.CategoryPreference{{Category: "order", Channels: off}, {Category: "a"}}, Channels: []*actors.ChannelPreference{{Channel: inApp, On: true}},
		Tenants:    []*actors.TenantPreferences{{Tenant: "acme", Preferences: &actors.Preferences{MutedUntil: 1, Channels: off}}},
		QuietHours: &actors.QuietHours{From: 22 * 60, To: 8*60 + 5, Zone: "Asia/Shanghai", Days: 0b1000001},
	}
	w.do(w.SetPreferences(p))
	const want = `{"categories":{"a":{},"order":{"email":true,"sms":false}},"channels":{"inapp":true},"quiet_hours":{"from":"22:00","to":"08:05","zone":"Asia/Shanghai","days":["mon","sun"]},` +
		`"tenants":{"acme":{"categories":{},"channels":{"email":true,"sms":false},"muted_until":"1970-01-01T00:00:00.001Z"}}}`
	if got := string(AppendPreferences(nil, w.Preferences())); got != want || !json.Valid([]byte(got)) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if c, err := w.SetPreferences(p); c != nil || err != nil {
		t.Errorf("got %v, %v for the same preferences", c, err)
	}
	if old := w.do(w.SetPreferences(nil)); !slices.Equal(old, []uint64{1}) || w.Preferences() != nil {
		t.Errorf("superseded %v, left %v", old, w.Preferences())
	}
}

// TestBounds: each bound holds at its value, and is an error with the field's name
// one beyond.
func TestBounds(t *testing.T) {
	many := func(n int, one func(i int) string) (list []string) {
		for i := range n {
			list = append(list, one(i))
		}
		return list
	}
	number := func(i int) string { return fmt.Sprint(i) }
	attributes := func(n, size int) (list []*actors.Attribute) {
		for i := range n {
			list = append(list, text(fmt.Sprint(i), strings.Repeat("x", size)))
		}
		return list
	}
	one := func(a *actors.Attribute) *actors.Profile {
		return &actors.Profile{Attributes: []*actors.Attribute{a}}
	}
	address := func(channel, address string) *actors.Profile {
		return &actors.Profile{Addresses: []*actors.Address{{Channel: channel, Address: address, P256Dh: map[bool]string{true: point}[channel == "webpush"], Auth: map[bool]string{true: secret}[channel == "webpush"]}}}
	}
	addresses := func(n int) *actors.Profile {
		p := &actors.Profile{}
		for i := range n {
			p.Addresses = append(p.Addresses, &actors.Address{Channel: "fcm", Address: fmt.Sprint(i)})
		}
		return p
	}
	switches := func(channel string) []*actors.ChannelPreference {
		return []*actors.ChannelPreference{{Channel: channel}}
	}
	categories := func(n, size int) *actors.Preferences {
		p := &actors.Preferences{}
		for i := range n {
			p.Categories = append(p.Categories, &actors.CategoryPreference{Category: fmt.Sprintf("%0*d", size, i)})
		}
		return p
	}
	tenants := func(n, size int) *actors.Preferences {
		p := &actors.Preferences{}
		for i := range n {
			p.Tenants = append(p.Tenants, &actors.TenantPreferences{Tenant: fmt.Sprintf("%0*d", size, i), Preferences: &actors.Preferences{}})
		}
		return p
	}
	for _, c := range []struct {
		field     string
		good, bad any
	}{
		{"tags", &actors.Profile{Tags: many(MaxTags, number)}, &actors.Profile{Tags: many(MaxTags+1, number)}},
		{"tags", &actors.Profile{Tags: []string{strings.Repeat("é", MaxTag/2)}}, &actors.Profile{Tags: []string{strings.Repeat("é", MaxTag/2+1)}}},
		{"tags", &actors.Profile{Tags: []string{"a b"}}, &actors.Profile{Tags: []string{"a\nb"}}},
		{"tenants", &actors.Profile{Tenants: many(MaxTenants, number)}, &actors.Profile{Tenants: many(MaxTenants+1, number)}},
		{"tenants", &actors.Profile{Tenants: []string{strings.Repeat("x", MaxTenant)}}, &actors.Profile{Tenants: []string{strings.Repeat("x", MaxTenant+1)}}},
		{"tenants", &actors.Profile{Tenants: []string{"a:b"}}, &actors.Profile{Tenants: []string{"a b"}}},
		{"attributes", &actors.Profile{Attributes: attributes(MaxAttributes, 1)}, &actors.Profile{Attributes: attributes(MaxAttributes+1, 1)}},
		{"attributes", one(text(strings.Repeat("x", MaxName), "")), one(text(strings.Repeat("x", MaxName+1), ""))},
		{"attributes", one(text("é", "")), one(text("", ""))},
		{"attributes.a", one(text("a", strings.Repeat("x", MaxText))), one(text("a", strings.Repeat("x", MaxText+1)))},
		{"attributes.a", one(text("a", "")), one(text("a", "\xff"))},
		{"attributes.a", one(text("a", "")), one(&actors.Attribute{Name: "a"})},
		{"attributes.a", one(text("a", "")), &actors.Profile{Attributes: []*actors.Attribute{text("a", "1"), text("a", "2")}}},
		{"attributes.a", one(&actors.Attribute{Name: "a", Value: &actors.Attribute_Texts{Texts: &actors.TextList{List: many(MaxList, number)}}}),
			one(&actors.Attribute{Name: "a", Value: &actors.Attribute_Texts{Texts: &actors.TextList{List: many(MaxList+1, number)}}})},
		{"attributes.a", one(&actors.Attribute{Name: "a", Value: &actors.Attribute_Number{Number: -1e300}}), one(&actors.Attribute{Name: "a", Value: &actors.Attribute_Number{Number: math.NaN()}})},
		{"attributes.a", one(&actors.Attribute{Name: "a", Value: &actors.Attribute_Time{Time: maxTime}}), one(&actors.Attribute{Name: "a", Value: &actors.Attribute_Time{Time: maxTime + 1}})},
		{"", &actors.Profile{Attributes: attributes(MaxSize/(MaxText+20), MaxText)}, &actors.Profile{Attributes: attributes(MaxSize/MaxText, MaxText)}},
		{"locale", &actors.Profile{Locale: "zh-Hant-TW"}, &actors.Profile{Locale: "zh_CN"}},
		{"locale", &actors.Profile{Locale: "en"}, &actors.Profile{Locale: "1-a"}},
		{"zone", &actors.Profile{Zone: "America/Argentina/Buenos_Aires"}, &actors.Profile{Zone: "../etc/passwd"}},
		{"zone", &actors.Profile{Zone: "UTC"}, &actors.Profile{Zone: "Local"}},
		{"addresses", addresses(MaxAddresses), addresses(MaxAddresses + 1)},
		{"addresses.fcm", addresses(1), &actors.Profile{Addresses: append(addresses(1).Addresses, addresses(1).Addresses...)}},
		{"addresses.fcm.token", address("fcm", strings.Repeat("x", MaxAddress)), address("fcm", strings.Repeat("x", MaxAddress+1))},
		{"addresses.jpush.token", address("jpush", "x"), address("jpush", "a b")},
		{"addresses.fax", address("fcm", "x"), address("fax", "1")},
		{"addresses.apns", address("apns", "x"), address("apns", "")},
		{"addresses.email.address", address("email", "a.b+c@例子.cn"), address("email", "Alice <a@b.c>")},
		{"addresses.email.address", address("email", "a@b"), address("email", "a@b,c@d")},
		{"addresses.sms.address", address("sms", "+8613800000000"), address("sms", "13800000000")},
		{"addresses.sms.address", address("sms", "+1234567"), address("sms", "+0123456789")},
		{"addresses.webpush.endpoint", address("webpush", "https://push.example/x?y"), address("webpush", "http://push.example/x")},
		{"addresses.webpush.keys.p256dh", address("webpush", "https://push.example"), &actors.Profile{Addresses: []*actors.Address{{Channel: "webpush", Address: "https://x", Auth: secret}}}},
		{"addresses.webpush.keys.auth", address("webpush", "https://push.example"), &actors.Profile{Addresses: []*actors.Address{{Channel: "webpush", Address: "https://x", P256Dh: point}}}},
		{"addresses.fcm", address("fcm", "x"), &actors.Profile{Addresses: []*actors.Address{{Channel: "fcm", Address: "x", Auth: secret}}}},
		{"addresses.fcm", address("fcm", "x"), &actors.Profile{Addresses: []*actors.Address{{Channel: "fcm", Address: "x", Account: "a"}}}},
		{"addresses.apns.topic", &actors.Profile{Addresses: []*actors.Address{{Channel: "apns", Address: "x", Account: strings.Repeat("x", MaxAccount)}}}, &actors.Profile{Addresses: []*actors.Address{{Channel: "apns", Address: "x", Account: strings.Repeat("x", MaxAccount+1)}}}},
		{"categories", categories(MaxCategories, 9), categories(MaxCategories+1, 9)},
		{"categories", categories(2, MaxCategory), categories(2, MaxCategory+1)},
		{"tenants", tenants(MaxTenants, 9), tenants(MaxTenants+1, 9)},
		{"tenants", tenants(2, MaxTenant), tenants(2, MaxTenant+1)},
		{"tenants.a", tenants(1, 1), &actors.Preferences{Tenants: []*actors.TenantPreferences{{Tenant: "a", Preferences: tenants(1, 1)}}}},
		{"tenants.a.channels.fax", tenants(1, 1), &actors.Preferences{Tenants: []*actors.TenantPreferences{{Tenant: "a", Preferences: &actors.Preferences{Channels: switches("fax")}}}}},
		{"channels.fax", &actors.Preferences{Channels: switches("inapp")}, &actors.Preferences{Channels: switches("fax")}},
		{"channels.sms", &actors.Preferences{Channels: switches("sms")}, &actors.Preferences{Channels: append(switches("sms"), switches("sms")...)}},
		{"quiet_hours.from", &actors.Preferences{QuietHours: &actors.QuietHours{From: 1439}}, &actors.Preferences{QuietHours: &actors.QuietHours{From: 1440}}},
		{"quiet_hours.to", &actors.Preferences{QuietHours: &actors.QuietHours{To: 1440}}, &actors.Preferences{QuietHours: &actors.QuietHours{To: 1441}}},
		{"quiet_hours.days", &actors.Preferences{QuietHours: &actors.QuietHours{Days: 127}}, &actors.Preferences{QuietHours: &actors.QuietHours{Days: 128}}},
		{"quiet_hours.zone", &actors.Preferences{QuietHours: &actors.QuietHours{Zone: "UTC"}}, &actors.Preferences{QuietHours: &actors.QuietHours{Zone: "Local"}}},
		{"muted_until", &actors.Preferences{MutedUntil: maxTime}, &actors.Preferences{MutedUntil: maxTime + 1}},
	} {
		check := func(v any) *actors.Error {
			if p, ok := v.(*actors.Profile); ok {
				return Check(p)
			}
			return CheckPreferences(v.(*actors.Preferences))
		}
		if err := check(c.good); err != nil {
			t.Errorf("%s: at the bound: %v", c.field, err)
		}
		if err := check(c.bad); err == nil || err.Field != c.field {
			t.Errorf("%s: beyond the bound: got %v", c.field, err)
		}
	}
	large := tenants(MaxTenants, MaxTenant)
	for _, x := range large.Tenants {
		x.Preferences.Categories = categories(5, MaxCategory).Categories
	}
	if err := CheckPreferences(large); err == nil || err.Code != actors.TooLarge {
		t.Errorf("preferences of %d bytes: got %v", large.SizeVT(), err)
	}
}
