package api

import (
	"testing"

	"reddot/actors"
)

const spring = `{"to":{"all":true},"arms":[{"name":"short","message":{"title":"Sale"}},{"name":"long","weight":2,"message":{"title":"Sale until Sunday"}}],"holdout":2.5,"schedule":{"cron":"0 9 * * 1","zone":"Asia/Shanghai","until":"2030-01-01T00:00:00Z"},"pace":100}`

// TestCampaignTexts: what is wrong with a text is said of its field.
func TestCampaignTexts(t *testing.T) {
	s, author, _ := team(t)
	for _, c := range []struct{ body, field string }{
		{`{}`, "to"},
		{`{"to":{"all":true}}`, "message"},
		{`{"to":{"all":true},"message":{"title":"x"},"to":{"all":true}}`, "to"},
		{`{"to":{"user":"alice"},"message":{"title":"x"}}`, "to"},
		{`{"to":{"users":["alice"]},"message":{"title":"x"}}`, "to"},
		{`{"to":{"everybody":true},"message":{"title":"x"}}`, "to.everybody"},
		{`{"to":{"all":true},"message":{}}`, "message.body"},
		{`{"to":{"all":true},"message":7}`, "message"},
		{`{"to":{"all":true},"message":{"titel":"x"}}`, "message.titel"},
		{`{"to":{"all":true},"message":{"title":"x","to":{"all":true}}}`, "to"},
		{`{"to":{"all":true},"message":{"title":"x","send_at":"2030-01-01T00:00:00Z"}}`, "message.send_at"},
		{`{"to":{"all":true},"message":{"title":"x"},"arms":[{"name":"a","message":{"title":"x"}}]}`, "arms"},
		{`{"to":{"all":true},"arms":[{"name":"a","message":{"title":"x"}},{"name":"a","message":{"title":"x"}}]}`, "arms[1].name"},
		{`{"to":{"all":true},"arms":[{"name":"a","message":{"title":"x"}},{"name":"b","message":{"body":5}}]}`, "arms[1].message.body"},
		{`{"to":{"all":true},"arms":[{"name":"a","weight":1001,"message":{"title":"x"}}]}`, "arms[0].weight"},
		{`{"to":{"all":true},"arms":[{"name":"a","wait":1,"message":{"title":"x"}}]}`, "arms"},
		{`{"to":{"all":true},"message":{"title":"x"},"holdout":50.5}`, "holdout"},
		{`{"to":{"all":true},"message":{"title":"x"},"holdout":1.25}`, "holdout"},
		{`{"to":{"all":true},"message":{"title":"x"},"holdout":"1"}`, "holdout"},
		{`{"to":{"all":true},"message":{"title":"x"},"pace":-1}`, "pace"},
		{`{"to":{"all":true},"message":{"title":"x"},"pace":1.5}`, "pace"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{}}`, "schedule"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"at":"tomorrow"}}`, "schedule"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"at":"2030-01-01T00:00:00Z","cron":"0 9 * * *","zone":"UTC"}}`, "schedule.at"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"cron":"0 9 * *","zone":"UTC"}}`, "schedule.cron"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"cron":"TZ=UTC 0 9 * * *","zone":"UTC"}}`, "schedule.cron"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"cron":"@daily","zone":"UTC"}}`, "schedule.cron"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"cron":"0 9 30 2 *","zone":"UTC"}}`, "schedule.cron"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"cron":"*/59 * * * *","zone":"UTC"}}`, "schedule.cron"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"cron":"0 9 * * *"}}`, "schedule.zone"},
		{`{"to":{"all":true},"message":{"title":"x"},"schedule":{"cron":"0 9 * * *","zone":"UTC","from":"2030-01-01T00:00:00Z","until":"2029-01-01T00:00:00Z"}}`, "schedule.until"},
		{`{"to":{"all":true},"message":{"title":"x"},"name":"x"}`, "name"},
	} {
		a := s.do("PUT", "/v1/campaigns/spring", author, c.body)
		if a.StatusCode != 400 || a.json(t)["field"] != c.field || a.json(t)["code"] != string(actors.Invalid) {
			t.Errorf("%s: got %d %s, want the field %s", c.body, a.StatusCode, a.body, c.field)
		}
	}
	if a := s.do("PUT", "/v1/campaigns/spring", author, spring); a.StatusCode != 201 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
}
