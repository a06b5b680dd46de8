package rule

import (
	"cmp"
	"slices"

	"reddot/actors"
)

// spentTimes are the last deliveries that are counted together.
type spentTimes struct {
	scope  uint64
	keep   uint32
	window int64   // milliseconds
	times  []int64 // rising
}

// end returns when the last delivery counts no more.
func (t *spentTimes) end() int64 { return t.times[len(t.times)-1] + t.window }

func (s *State) findSpent(scope uint64) (int, bool) {
	return slices.BinarySearchFunc(s.spent, scope, func(t spentTimes, scope uint64) int { return cmp.Compare(t.scope, scope) })
}

// reached tells whether there were as many deliveries after a time, or more.
func (s *State) reached(scope uint64, most int, after int64) bool {
	if s == nil {
		return false
	}
	i, ok := s.findSpent(scope)
	if !ok {
		return false
	}
	times := s.spent[i].times
	return len(times) >= most && times[len(times)-most] > after
}

// countSince returns how many deliveries there were after a time, as far as they are kept.
func (s *State) countSince(scope uint64, after int64) int {
	if s == nil {
		return 0
	}
	i, ok := s.findSpent(scope)
	if !ok {
		return 0
	}
	times := s.spent[i].times
	n, _ := slices.BinarySearch(times, after+1)
	return len(times) - n
}

// spend counts a delivery.
func (s *State) spend(spent *actors.Spent, at int64) {
	if spent.Keep == 0 || spent.Keep > maxCap || spent.Window <= 0 || spent.Window > maxPer { // a newer program's
		return
	}
	i, ok := s.findSpent(spent.Scope)
	if !ok {
		s.spent = slices.Insert(s.spent, i, spentTimes{scope: spent.Scope})
	}
	t := &s.spent[i]
	t.keep, t.window = max(t.keep, spent.Keep), max(t.window, spent.Window)
	s.times -= len(t.times)
	if n, _ := slices.BinarySearch(t.times, at-t.window+1); n > 0 {
		t.times = t.times[n:] // the room in front goes when it grows
	}
	place := len(t.times)
	for place > 0 && t.times[place-1] > at { // another node's clock was ahead
		place--
	}
	t.times = slices.Insert(t.times, place, at)
	if len(t.times) > int(t.keep) {
		t.times = t.times[1:]
	}
	s.times += len(t.times)
	s.stale = min(s.stale, t.end())
	for len(s.spent) > maxScopes || s.times > maxTimes {
		s.dropSpent()
	}
}

// dropSpent makes room: what was counted the longest time ago goes.
func (s *State) dropSpent() {
	oldest := 0
	for i := range s.spent {
		if last := func(i int) int64 { return s.spent[i].times[len(s.spent[i].times)-1] }; last(i) < last(oldest) {
			oldest = i
		}
	}
	s.times -= len(s.spent[oldest].times)
	s.spent = slices.Delete(s.spent, oldest, oldest+1)
}

func (s *State) forgetSpent(now int64) {
	s.spent = slices.DeleteFunc(s.spent, func(t spentTimes) bool {
		if t.end() > now {
			s.stale = min(s.stale, t.end())
			return false
		}
		s.times -= len(t.times)
		return true
	})
}

// saidOnce is what a message has said that the user has.
type saidOnce struct {
	digest    uint64
	at, until int64
}

// saidAt returns when the user has got a content, as far as it is known.
func (s *State) saidAt(digest uint64) (at int64, ok bool) {
	if s == nil {
		return 0, false
	}
	for i := len(s.said) - 1; i >= 0; i-- {
		if s.said[i].digest == digest {
			return s.said[i].at, true
		}
	}
	return 0, false
}

// remember keeps a content until it has no duplicates any more.
func (s *State) remember(said saidOnce) {
	s.said = slices.DeleteFunc(s.said, func(o saidOnce) bool {
		if o.digest != said.digest {
			return false
		}
		said.until = max(said.until, o.until)
		return true
	})
	if len(s.said) >= maxSaid {
		s.said = slices.Delete(s.said, 0, len(s.said)-maxSaid+1)
	}
	s.said = append(s.said, said)
	s.stale = min(s.stale, said.until)
}

func (s *State) forgetSaid(now int64) {
	s.said = slices.DeleteFunc(s.said, func(said saidOnce) bool {
		if said.until > now {
			s.stale = min(s.stale, said.until)
			return false
		}
		return true
	})
}
