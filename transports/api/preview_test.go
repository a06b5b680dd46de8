package api

import (
	"context"
	"fmt"
	"testing"

	"reddot/actors"
	"reddot/actors/profile"
)

// know writes a user into the index.
func (s *server) know(app, user string, c *actors.ProfileChange) {
	key := actors.UserKey(app, user)
	var nothing *profile.State
	s.rows.Apply(&actors.Write{Stream: actors.NewStream(key, actors.Fence{}, 0, func() {}), Index: nothing.IndexChange(key, c)})
}

func TestPreview(t *testing.T) {
	s := serve(t, nil)
	for i := range 50 {
		c := &actors.ProfileChange{}
		if i%2 == 0 {
			c.Profile = &actors.Profile{Tags: []string{"vip"}}
		}
		s.know("default", fmt.Sprint("user", i), c)
		s.know("other", fmt.Sprint("theirs", i), c)
	}
	s.put("vips", `'vip' in tags`)
	s.put("vips", `'vip' in tags && attributes.city == 'Berlin'`)
	want := func(a answer, count any, users int) {
		t.Helper()
		got := a.json(t)
		if list, _ := got["users"].([]any); a.StatusCode != 200 || got["count"] != count || len(list) != users || got["pos"] != float64(7) {
			t.Errorf("got %d %s, want a count of %v and %d users", a.StatusCode, a.body, count, users)
		}
	}
	want(s.do("GET", "/v1/segments/vips/preview?version=1", s.reader, ""), float64(25), 20)
	want(s.do("GET", "/v1/segments/vips/preview?version=1&count=false", s.reader, ""), nil, 20)
	want(s.do("GET", "/v1/segments/vips/preview", s.reader, ""), float64(0), 0)
	want(s.do("POST", "/v1/segments/preview", s.reader, `{"where":"!('vip' in tags)"}`), float64(25), 20)
	wantProblem(t, s.do("POST", "/v1/segments/preview", s.reader, `{"where":"vip in"}`), 400, actors.Invalid, "where")
	wantProblem(t, s.do("POST", "/v1/segments/preview", s.reader, `{"wher":"true"}`), 400, actors.Invalid, "wher")
	wantProblem(t, s.do("GET", "/v1/segments/vips/preview?count=some", s.reader, ""), 400, actors.Invalid, "count")
	wantProblem(t, s.do("GET", "/v1/segments/none/preview", s.reader, ""), 404, actors.NotFound, "")
	wantProblem(t, s.do("GET", "/v1/segments/vips/preview", s.alice, ""), 403, actors.Forbidden, "")

	for range countsAtOnce {
		if err := s.api.counts.Take("another"); err != nil {
			t.Fatal(err)
		}
	}
	wantProblem(t, s.do("GET", "/v1/segments/vips/preview", s.reader, ""), 503, actors.Busy, "")
	want(s.do("GET", "/v1/segments/vips/preview?version=1&count=false", s.reader, ""), nil, 20)
}

// What takes too long says what may be asked for instead.
func TestPreviewTooSlow(t *testing.T) {
	if got := actors.AsError(tooSlow(fmt.Errorf("count: %w", context.DeadlineExceeded))); got.Code != actors.Unavailable {
		t.Errorf("got %v", got)
	}
}
