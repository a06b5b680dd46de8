package content

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reddot/actors"
)

// do takes words such as "submit 2 ann", "approve 1 bob h1", "reject 1 bob because", and
// "write 0 ann h1" as moves, one after the other.
func do(t *testing.T, moves ...string) (r *Record, err error) {
	t.Helper()
	for i, text := range moves {
		w := strings.Fields(text + " - -")
		o := Order{Move: Move(w[0]), By: w[2], At: time.Unix(int64(i), 0).UTC()}
		if _, err := fmt.Sscan(w[1], &o.Version); err != nil {
			t.Fatal(err)
		}
		if o.Hash = w[3]; o.Move == Reject {
			o.Reason = w[3]
		}
		next, failed := r.After(o)
		if failed != nil {
			if i < len(moves)-1 {
				t.Fatalf("%s: %v", text, failed)
			}
			return r, failed
		}
		r = next
	}
	return r, nil
}

// states shows a record as "1:approved 2:live".
func states(r *Record) string {
	var s []string
	for _, v := range r.Versions {
		s = append(s, fmt.Sprint(v.Number, ":", v.State))
	}
	return strings.Join(s, " ")
}

// TestReview is the table of all moves: which state takes which, and what comes of it.
func TestReview(t *testing.T) {
	for name, c := range map[string]struct {
		moves []string
		want  string // states, or an error's code and a part of what it says
	}{
		"a draft":                     {[]string{"write 0 ann h1"}, "1:draft"},
		"submitted":                   {[]string{"write 0 ann h1", "submit 1 ann"}, "1:in_review"},
		"the newest":                  {[]string{"write 0 ann h1", "submit 0 ann"}, "1:in_review"},
		"submitted twice":             {[]string{"write 0 ann h1", "submit 1 ann", "submit 1 ann"}, "conflict version 1 is in_review, not draft"},
		"approved":                    {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1"}, "1:approved"},
		"a draft approved":            {[]string{"write 0 ann h1", "approve 1 bob h1"}, "conflict version 1 is draft, not in_review"},
		"another hash":                {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h2"}, "conflict hash"},
		"by the author":               {[]string{"write 0 ann h1", "submit 1 bob", "approve 1 ann h1"}, "forbidden another one has to"},
		"by the submitter":            {[]string{"write 0 ann h1", "submit 1 bob", "approve 1 bob h1"}, "forbidden another one has to"},
		"by a third":                  {[]string{"write 0 ann h1", "submit 1 bob", "approve 1 cat h1"}, "1:approved"},
		"rejected":                    {[]string{"write 0 ann h1", "submit 1 ann", "reject 1 bob why"}, "1:rejected"},
		"rejected late":               {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "reject 1 bob why"}, "conflict version 1 is approved"},
		"resubmitted":                 {[]string{"write 0 ann h1", "submit 1 ann", "reject 1 bob why", "submit 1 ann"}, "conflict version 1 is rejected"},
		"live":                        {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob"}, "1:live"},
		"live twice":                  {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob", "publish 1 bob"}, "conflict version 1 is live already"},
		"live unreviewed":             {[]string{"write 0 ann h1", "publish 1 bob"}, "conflict version 1 is draft, not approved"},
		"an edit of what is reviewed": {[]string{"write 0 ann h1", "submit 1 ann", "write 0 ann h2"}, "1:archived 2:draft"},
		"approval of what was edited": {[]string{"write 0 ann h1", "submit 1 ann", "write 0 ann h2", "approve 1 bob h1"}, "conflict version 1 is archived"},
		"an edit of what is approved": {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob", "write 0 ann h2"}, "1:live 2:draft"},
		"the next one": {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob", "write 0 ann h2", "submit 2 ann", "approve 2 bob h2", "publish 2 bob"},
			"1:approved 2:live"},
		"back": {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob", "write 0 ann h2", "submit 2 ann", "approve 2 bob h2", "publish 2 bob", "rollback 0 bob"},
			"1:live 2:approved"},
		"back and forth": {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob", "write 0 ann h2", "submit 2 ann", "approve 2 bob h2", "publish 2 bob", "rollback 0 bob", "rollback 2 bob"},
			"1:approved 2:live"},
		"back to nothing":       {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob", "rollback 0 bob"}, "conflict no other version was live"},
		"back to a first":       {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "rollback 1 bob"}, "conflict version 1 was never live"},
		"archived":              {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob", "archive 0 ann"}, "1:archived"},
		"archived twice":        {[]string{"write 0 ann h1", "archive 0 ann", "archive 0 ann"}, "not_found archived"},
		"nothing archived":      {[]string{"archive 0 ann"}, "not_found no such template"},
		"live after an archive": {[]string{"write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "archive 0 ann", "publish 1 bob"}, "conflict version 1 is archived"},
		"written again":         {[]string{"write 0 ann h1", "archive 0 ann", "write 0 ann h1"}, "1:archived 2:draft"},
		"no such version":       {[]string{"write 0 ann h1", "submit 7 ann"}, "not_found no version 7"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := do(t, c.moves...)
			if err != nil {
				e := actors.AsError(err)
				code, part, _ := strings.Cut(c.want, " ")
				if string(e.Code) != code || !strings.Contains(e.Detail, part) {
					t.Errorf("got %v, want %s", err, c.want)
				}
				return
			}
			if got := states(r); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			live := 0
			for _, v := range r.Versions {
				if v.State == Live {
					live++
				}
			}
			if live > 1 || (live == 1) != (r.Live != 0) || r.Live != 0 && r.Find(r.Live).State != Live {
				t.Errorf("live is %d of %s", r.Live, states(r))
			}
		})
	}
}

// TestReviewAlone: where there is one principal alone, it approves its own.
func TestReviewAlone(t *testing.T) {
	r, err := do(t, "write 0 dev h1", "submit 1 dev")
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.After(Order{Move: Approve, Version: 1, Hash: "h1", By: "dev", Alone: true}); err != nil || states(r) != "1:approved" {
		t.Errorf("got %v, %v", r, err)
	}
}

// TestReviewIsBounded: old versions go, but never the live one, and the numbers go on.
func TestReviewIsBounded(t *testing.T) {
	r, err := do(t, "write 0 ann h1", "submit 1 ann", "approve 1 bob h1", "publish 1 bob", "write 0 ann h2", "submit 2 ann", "approve 2 bob h2")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxVersions {
		if r, err = r.After(Order{Move: Write, By: "ann", Hash: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.Versions) != maxVersions || r.Find(1) == nil || r.Find(2) == nil || r.Find(0).Number != 2+3*maxVersions || r.Last != r.Find(0).Number {
		t.Errorf("%d versions, up to %d: %s", len(r.Versions), r.Find(0).Number, states(r)[:40])
	}
}

// TestReviewKeepsTheRecord: a move changes nothing of the record before it.
func TestReviewKeepsTheRecord(t *testing.T) {
	old, err := do(t, "write 0 ann h1", "submit 1 ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.After(Order{Move: Approve, Version: 1, Hash: "h1", By: "bob"}); err != nil {
		t.Fatal(err)
	}
	if got := states(old); got != "1:in_review" {
		t.Errorf("got %s", got)
	}
}
