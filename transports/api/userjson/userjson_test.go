package userjson

import (
	"bytes"
	"encoding/json"
	"testing"

	"reddot/actors"
	"reddot/actors/profile"
)

// Seeds for the fuzzers.
const (
	aProfile = `{"tags":["beta","vip"],"attributes":{"active":true,"levels":[1,2.5],"list":["a"],"none":[],"score":-1.5,"since":"2026-01-31T09:30:00.000Z"},` +
		`"locale":"zh-CN","zone":"Asia/Shanghai","tenants":["acme"],"addresses":{"apns":[{"token":"t","topic":"com.example"}],"email":[{"address":"a@b.c"}],` +
		`"webpush":[{"endpoint":"https://push.example/1","keys":{"p256dh":"x","auth":"y"}}],"wechat_mp":[{"openid":"o","account":"shop"}]}}`
	somePreferences = `{"categories":{"order":{"email":true,"sms":false}},"channels":{"inapp":true},"quiet_hours":{"from":"22:00","to":"24:00","zone":"Europe/Berlin","days":["mon","sun"]},` +
		`"muted_until":"2020-01-01T00:00:00.000Z","tenants":{"acme":{"categories":{},"channels":{"sms":false}}}}`
)

// FuzzProfile holds that what is taken comes back as it was taken, and that nothing
// ends the parser.
func FuzzProfile(f *testing.F) {
	f.Add([]byte(aProfile), false)
	f.Add([]byte(`{"tags":null,"attributes":{"a":null,"b":"2026-01-01T00:00:00+08:00"},"addresses":{"sms":[]}}`), true)
	f.Fuzz(func(t *testing.T, in []byte, patch bool) {
		var r Reader
		c, err := r.Profile(in, patch)
		if err != nil {
			if code := actors.AsError(err).Code; code != actors.Invalid && code != actors.TooLarge {
				t.Fatal(err)
			}
			return
		}
		var s profile.State
		change, refused := s.SetProfile(c)
		if refused != nil {
			t.Fatalf("taken, and then refused: %v", refused)
		}
		if change == nil {
			return
		}
		out := profile.AppendProfile(nil, change.Profile)
		if !json.Valid(out) {
			t.Fatalf("shown as %s", out)
		}
		again, err := r.Profile(out, false)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if back := profile.AppendProfile(nil, again.Profile); !bytes.Equal(back, out) {
			t.Fatalf("%s came back as %s", out, back)
		}
	})
}

// FuzzPreferences does the same with preferences.
func FuzzPreferences(f *testing.F) {
	f.Add([]byte(somePreferences))
	f.Fuzz(func(t *testing.T, in []byte) {
		var r Reader
		p, err := r.Preferences(in)
		if err != nil {
			if code := actors.AsError(err).Code; code != actors.Invalid && code != actors.TooLarge {
				t.Fatal(err)
			}
			return
		}
		out := profile.AppendPreferences(nil, p)
		again, err := r.Preferences(out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if back := profile.AppendPreferences(nil, again); !bytes.Equal(back, out) {
			t.Fatalf("%s came back as %s", out, back)
		}
	})
}
