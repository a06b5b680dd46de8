package embedded

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/actors/store/storetest"
)

// inFiles returns the files of a directory that hold a text.
func inFiles(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n.Name())) // one that has gone meanwhile holds nothing
		if err == nil && bytes.Contains(b, []byte(text)) {
			found = append(found, n.Name())
		}
	}
	return found
}

// TestPebbleErases writes, and then deletes or writes over in each way that
// there is, little among much: within the time nothing of it is in any file,
// though nothing is written any more.
func TestPebbleErases(t *testing.T) {
	const within = 2 * time.Second
	dir := t.TempDir()
	p := open(t, Config{Dir: dir, Config: store.Config{EraseWithin: within}, MemTableBytes: 1 << 20})
	defer storetest.Close(t, p)
	secret := func(what string) []byte { return []byte("secret " + what + strings.Repeat(" x", 200)) }
	var users []*storetest.Actor
	for i := range 200 {
		a := storetest.NewActor(actors.UserKey("default", fmt.Sprint("user", i)), 0)
		few := i%100 == 0
		w := &actors.Write{Stream: a.Stream, Tally: []actors.Tally{{ID: actors.ID{1, byte(i)}, Kind: 0, N: 1}}}
		for k := range 80 {
			e := secret(fmt.Sprint("event ", k))
			if !few {
				e = bytes.Replace(e, []byte("secret"), []byte("public"), 1)
			}
			w.Events = append(w.Events, e)
		}
		a.Last = w.Last()
		a.Do(t, p, w)
		if few {
			w = a.Write()
			w.Snapshot = secret("snapshot")
			a.Do(t, p, w)
			users = append(users, a)
		}
	}
	if err := p.PutRecord(t.Context(), "kind", "key", secret("record")); err != nil {
		t.Fatal(err)
	}
	if err := p.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil { // down to the lowest level
		t.Fatal(err)
	}
	if len(inFiles(t, dir, "secret")) == 0 {
		t.Fatal("nothing was ever in the files: the test shows nothing")
	}
	for i, a := range users {
		w := a.Write("after")
		w.Rewrite = []actors.Rewrite{{Seq: 1, Event: []byte("one")}}
		w.Delete = []actors.Range{{First: 2, Last: 10}, {First: 11, Last: 80}} // one by one, and as a range
		w.Snapshot, w.Forget = []byte("fresh"), w.Last()
		w.Untally = []actors.ID{{1, byte(i)}}
		a.Do(t, p, w)
	}
	if err := p.PutRecord(t.Context(), "kind", "key", []byte("other")); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(storetest.Patience)
	for found := []string{"?"}; len(found) > 0; found = inFiles(t, dir, "secret") {
		if time.Now().After(late) {
			t.Fatalf("deleted contents are in %v", found)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, a := range users {
		if s, e, err := storetest.Load(p, a.Key); s != "fresh" || len(e) != 0 || err != nil {
			t.Fatalf("%s: got %q %q, %v", a.Key, s, e, err)
		}
	}
}
