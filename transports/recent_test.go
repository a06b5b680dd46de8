package transports

import (
	"math/rand/v2"
	"testing"
)

// Whatever is done, an entry is what was put last, and the bound holds.
func TestRecent(t *testing.T) {
	for _, size := range []int{1, 32, 320} {
		r := NewRecent[int, int](size)
		want := map[int]int{}
		random := rand.New(rand.NewPCG(1, uint64(size)))
		for i := range 20_000 {
			key := random.IntN(500)
			switch random.IntN(3) {
			case 0:
				r.Put(key, i)
				want[key] = i
			case 1:
				if v, ok := r.Get(key); ok && v != want[key] {
					t.Fatalf("key %d: got %d, want %d", key, v, want[key])
				}
			default:
				made := false
				v := r.GetOrPut(key, func() int { made = true; return i })
				if made {
					want[key] = i
				}
				if v != want[key] {
					t.Fatalf("key %d: got %d, want %d", key, v, want[key])
				}
			}
			if n := r.Len(); n > max(32, size) {
				t.Fatalf("%d entries at size %d", n, size)
			}
		}
	}
}
