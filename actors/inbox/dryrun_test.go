package inbox

import (
	"bytes"
	"encoding/json"
	"reflect"

	"reddot/actors"
)

// rehearsal is what a dry run has said, in the random trial.
type rehearsal struct {
	ready  Ready
	counts []byte
	before []byte // the counts
}

// dryRun rehearses a publish, which changes nothing.
func (x *trial) dryRun(m *actors.Message, once actors.Once) rehearsal {
	x.t.Helper()
	g := rehearsal{before: x.b.AppendCounts(nil)}
	state := x.b.snapshot()
	var err error
	if g.ready, g.counts, err = x.b.DryRun(nil, m, once, x.moment(), &x.limits, x.known); err != nil {
		x.t.Fatal(err)
	}
	if !bytes.Equal(state, x.b.snapshot()) {
		x.t.Fatal("a dry run changes the inbox")
	}
	return g
}

// compareDryRun compares what was said with what came of the publish.
func (x *trial) compareDryRun(g rehearsal, r Ready) {
	x.t.Helper()
	if (g.ready.Err == nil) != (r.Err == nil) || g.ready.Outcome != r.Outcome || g.ready.Replayed || !g.ready.ID.IsZero() {
		x.t.Fatalf("a dry run says %+v, and it comes to %+v", g.ready, r)
	}
	var said, is, was map[string]any
	for raw, v := range map[*[]byte]*map[string]any{&g.counts: &said, &g.before: &was} {
		if err := json.Unmarshal(*raw, v); err != nil {
			x.t.Fatal(err)
		}
	}
	if err := json.Unmarshal(x.b.AppendCounts(nil), &is); err != nil {
		x.t.Fatal(err)
	}
	is["rev"], is["cursor"] = was["rev"], was["cursor"]
	if !reflect.DeepEqual(said, is) {
		x.t.Fatalf("a dry run says %v, and it comes to %v", said, is)
	}
}
