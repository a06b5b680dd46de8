package campaign

import (
	"testing"

	"reddot/actors"
)

// A walk moves its wake-up once in half a minute, not with each page.
func TestWakeBehindPages(t *testing.T) {
	a, moved := &Campaign{armed: keepAlive.Milliseconds()}, 0
	for at := int64(0); at < 3*keepAlive.Milliseconds(); at += 100 {
		wake := a.wakeBehind(&actors.CampaignEvent{Kind: actors.CampaignKind_CAMPAIGN_PROGRESS, At: at})
		if wake < at+keepAlive.Milliseconds()/2 {
			t.Fatalf("at %d the wake-up is %d: another node would take the walk for lost", at, wake)
		}
		if wake != a.armed {
			a.armed, moved = wake, moved+1
		}
	}
	if moved > 6 {
		t.Errorf("the wake-up moved %d times in three minutes", moved)
	}
}
