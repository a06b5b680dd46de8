package audience

import (
	"slices"
	"sort"
)

// Profiles are where the profiles of users are read.
type Profiles interface {
	// Load puts the profile of each user into its place; nil: there is none.
	Load(users []string, to []Subject) error
}

// The pages of Find.
const (
	maxLooks = 1024 // users that are looked at in one call, so that it ends soon
	maxLoads = 256  // profiles that are loaded at once
	minLoads = 16
)

// Find returns up to limit users of the segment behind after, in the order of the
// index, and where to go on; an empty next is the end. A page may be short, or empty,
// where many users that were looked at do not match.
func (p *Plan) Find(after string, limit int, profiles Profiles) (users []string, next string, err error) {
	var candidates []string
	for looks := 0; looks < maxLooks && len(users) < limit; looks += len(candidates) {
		n := min(max(limit-len(users), minLoads), maxLoads, maxLooks-looks)
		if candidates, err = p.candidates(candidates[:0], after, n); err != nil {
			return nil, "", err
		}
		matching := candidates
		if !p.exact {
			if matching, err = p.match(candidates, profiles); err != nil {
				return nil, "", err
			}
		}
		if room := limit - len(users); len(matching) > room {
			users = append(users, matching[:room]...)
			return users, users[limit-1], nil
		}
		users = append(users, matching...)
		if len(candidates) < n {
			return users, "", nil
		}
		after = candidates[n-1]
	}
	return users, after, nil
}

// candidates appends up to n users behind after whom the index names.
func (p *Plan) candidates(to []string, after string, n int) ([]string, error) {
	at := after == ""
	for len(to) < n {
		user, err := p.found.seek(after, at)
		if err != nil {
			return nil, err
		}
		if user == "" {
			break
		}
		to = append(to, user)
		after, at = user, false
	}
	return to, nil
}

// match returns those whose profiles match.
func (p *Plan) match(users []string, profiles Profiles) ([]string, error) {
	subjects := make([]Subject, len(users))
	if err := profiles.Load(users, subjects); err != nil {
		return nil, err
	}
	var matching []string
	for i, s := range subjects {
		if s != nil && p.segment.Matches(s, p.now) {
			matching = append(matching, users[i])
		}
	}
	return matching, nil
}

// A finder finds users in the order of the index.
type finder interface {
	// seek returns the first user behind from, or, with at, from itself if that is
	// one; an empty one: there is none.
	seek(from string, at bool) (string, error)
}

// nobody finds no user.
type nobody struct{}

func (nobody) seek(string, bool) (string, error) { return "", nil }

// postingPage is how many users of a posting are read at once.
const postingPage = 256

// A posting finds the users of a lookup, a page at a time.
type posting struct {
	index Postings
	of    Lookup
	page  []string // those from from on
	from  string
	whole bool // there are none behind the page
}

func (p *posting) seek(from string, at bool) (string, error) {
	if !at {
		from += "\x00" // the first string behind it
	}
	if from < p.from || !p.whole && (len(p.page) == 0 || from > p.page[len(p.page)-1]) {
		if err := p.read(from); err != nil {
			return "", err
		}
	}
	i := sort.SearchStrings(p.page, from)
	if i == len(p.page) {
		return "", nil
	}
	return p.page[i], nil
}

func (p *posting) read(from string) error {
	page := slices.Grow(p.page[:0], postingPage)[:postingPage]
	p.page, p.whole = page[:0], false // what may have failed is not read
	n, err := p.index.Users(p.of, from, page)
	if err != nil {
		return err
	}
	p.page, p.from, p.whole = page[:n], from, n < len(page)
	return nil
}

// union finds whom either finds.
type union struct{ left, right finder }

func (u *union) seek(from string, at bool) (string, error) {
	a, err := u.left.seek(from, at)
	if err != nil {
		return "", err
	}
	b, err := u.right.seek(from, at)
	if a == "" || b != "" && b < a {
		a = b
	}
	return a, err
}

// intersection finds whom both find; left is the smaller one.
type intersection struct{ left, right finder }

func (s *intersection) seek(from string, at bool) (string, error) {
	for {
		a, err := s.left.seek(from, at)
		if a == "" || err != nil {
			return "", err
		}
		b, err := s.right.seek(a, true)
		if b == "" || b == a || err != nil {
			return b, err
		}
		from, at = b, true
	}
}
