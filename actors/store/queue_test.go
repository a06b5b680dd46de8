package store

import (
	"math/rand/v2"
	"testing"
)

// TestQueue compares the queue with a plain slice.
func TestQueue(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	q := queue{maxJobs: 50, maxBytes: 400}
	var model []Job
	bytes := 0
	for range 20_000 {
		if r.IntN(5) > 0 {
			j := Job{Record: &RecordWrite{}, size: r.IntN(30)}
			room := len(model) < 50 && (len(model) == 0 || bytes+j.size <= 400)
			if q.put(j) != room {
				t.Fatalf("put with %d jobs and %d bytes: want %v", len(model), bytes, room)
			}
			if room {
				model, bytes = append(model, j), bytes+j.size
			}
			continue
		}
		maxJobs, maxBytes, sum := 1+r.IntN(20), r.IntN(200), 0
		got := q.take(nil, maxJobs, maxBytes)
		for _, j := range got {
			if j != model[0] {
				t.Fatal("out of order")
			}
			model, sum = model[1:], sum+j.size
		}
		bytes -= sum
		more := len(model) > 0 && len(got) < maxJobs && (len(got) == 0 || sum+model[0].size <= maxBytes)
		if len(got) > maxJobs || len(got) > 1 && sum > maxBytes || more {
			t.Fatalf("took %d jobs of %d bytes; at most %d of %d; %d left", len(got), sum, maxJobs, maxBytes, len(model))
		}
		if q.len() != len(model) || q.bytes != bytes {
			t.Fatalf("len %d, bytes %d; want %d, %d", q.len(), q.bytes, len(model), bytes)
		}
	}
}
