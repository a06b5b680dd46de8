package postgres

import (
	"testing"

	"reddot/actors"
	"reddot/actors/store/storetest"
)

// An actor whose predecessor goes away while it writes on is refused too, as
// its journal is: whoever deletes it ends the sessions of those who write.
func TestPostgresPredecessor(t *testing.T) {
	url := newDatabase(t)
	p := open(t, Config{URL: url})
	defer storetest.Close(t, p)
	a := storetest.NewActor(actors.UserKey("default", "ann"), 0)
	a.Do(t, p, a.Write("1", "2", "3"))
	execSQL(t, url, "delete from reddot_events where seq = 3")
	if err := p.Append(a.Write("4")); err != nil && storetest.CodeOf(err) != actors.Unavailable {
		t.Fatal(err)
	}
	if err := a.Await(); err == nil {
		t.Error("an event was taken whose predecessor is gone")
	}
}
