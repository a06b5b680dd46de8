package audience

// A Plan finds the users of a segment through an index. It looks up what the
// expression names, and matches the profiles of those found where the index alone
// can't tell.
type Plan struct {
	segment *Segment
	index   Postings
	now     int64
	found   finder
	exact   bool // whom found names needs no further look
	size    int
}

// overlap is how many times larger than the smallest a posting may be to be read
// beside it: to read so many names costs about as much as to load one profile.
const overlap = 8

// Plan returns how to find the segment's users at now, in milliseconds since 1970. An
// error is the index's.
func (s *Segment) Plan(index Postings, now int64) (*Plan, error) {
	b := &planner{index: index, now: now}
	found := b.plan(s.test)
	if b.err != nil {
		return nil, b.err
	}
	p := &Plan{segment: s, index: index, now: now, found: found.finder, exact: found.exact, size: found.size}
	if found.all {
		p.found = &posting{index: index, of: Lookup{}}
		p.size, b.err = index.Estimate(Lookup{})
	}
	return p, b.err
}

// Estimate returns about how many users the plan looks at.
func (p *Plan) Estimate() int { return p.size }

// A way is how the users of a test are found: a superset of them, or all if it is
// exact.
type way struct {
	finder finder
	size   int
	exact  bool
	all    bool // no lookup helps: every user has to be looked at
}

// A planner chooses the ways.
type planner struct {
	index Postings
	now   int64
	err   error // the index's
}

func (b *planner) plan(t test) way {
	switch t := t.(type) {
	case always:
		if t {
			return way{all: true, exact: true}
		}
		return way{finder: nobody{}, exact: true}
	case *both:
		return b.both(flatten(t, nil))
	case *either:
		return b.either(b.plan(t.left), b.plan(t.right))
	case *oneOf:
		w := way{finder: nobody{}, exact: true}
		for i := range t.values {
			w = b.either(w, b.way(b.related(&t.of, equal, t.values[i])))
		}
		return w
	default:
		return b.way(b.lookup(t))
	}
}

// way returns that of a lookup, if there is one.
func (b *planner) way(l Lookup, ok bool) way {
	if !ok || b.err != nil {
		return way{all: true}
	}
	n, err := b.index.Estimate(l)
	b.err = err
	return way{finder: &posting{index: b.index, of: l}, size: n, exact: true}
}

// lookup returns the one that finds whom the test holds for, if there is one.
func (b *planner) lookup(t test) (l Lookup, ok bool) {
	switch t := t.(type) {
	case *member:
		if t.name.isFixed() {
			return one(setNames[t.set], t.name.value(nil, b.now)), true
		}
	case *present:
		return one(attributeNames, Value{Kind: Text, Text: t.name}), true
	case *isTrue:
		return b.related(&t.of, equal, Value{Kind: Bool, True: true})
	case *comparison:
		if t.right.isFixed() {
			return b.related(&t.left, t.is, t.right.value(nil, b.now))
		}
		if t.left.isFixed() {
			return b.related(&t.right, t.is.flipped(), t.left.value(nil, b.now))
		}
	case *listed:
		if field, found := t.list.field(); found && t.item.isFixed() {
			l = one(field, t.item.value(nil, b.now))
			l.Listed = true
			return l, true
		}
	case *substring:
		if field, found := t.of.field(); found && t.at == atStart && t.text.isFixed() {
			return startingWith(field, t.text.value(nil, b.now).Text), true
		}
	}
	return l, false
}

// related returns the lookup of a comparison with a value.
func (b *planner) related(o *operand, is relation, v Value) (l Lookup, ok bool) {
	field, ok := o.field()
	l = Lookup{Field: field, Kind: v.Kind}
	switch is {
	case equal:
		l.Low, l.High = v, v
	case less, lessOrEqual:
		l.High, l.BelowHigh = v, is == less
	default:
		l.Low, l.AboveLow = v, is == greater
	}
	return l, ok
}

// either unites two ways.
func (b *planner) either(left, right way) way {
	w := way{exact: left.exact && right.exact, size: left.size + right.size}
	if left.all && left.exact || right.all && right.exact { // everybody, whoever the others are
		return way{all: true, exact: true}
	}
	if left.all || right.all {
		w.all = true
		return w
	}
	w.finder = &union{left.finder, right.finder}
	return w
}

// both takes the smallest way, and those beside it that are not much larger; the
// rest is left to be matched.
func (b *planner) both(tests []test) way {
	smallest := way{all: true, exact: true}
	var ways []way
	for _, w := range b.ways(tests) {
		if !w.all && (smallest.all || w.size < smallest.size) {
			smallest, w = w, smallest
		}
		ways = append(ways, w)
	}
	for _, w := range ways {
		near := !w.all && w.size/overlap <= smallest.size
		if near {
			smallest.finder = &intersection{smallest.finder, w.finder}
		}
		smallest.exact = smallest.exact && w.exact && (near || w.all)
	}
	return smallest
}

// ways plans each of the tests. Two ends of a range become one lookup.
func (b *planner) ways(tests []test) (ways []way) {
	var lookups []Lookup
	for _, t := range tests {
		l, ok := b.lookup(t)
		switch {
		case !ok:
			ways = append(ways, b.plan(t))
		default:
			lookups = narrow(lookups, l)
		}
	}
	for _, l := range lookups {
		ways = append(ways, b.way(l, true))
	}
	return ways
}

// narrow adds a lookup to those that have to hold with it.
func narrow(lookups []Lookup, l Lookup) []Lookup {
	for i := range lookups {
		if lookups[i].narrow(&l) {
			return lookups
		}
	}
	return append(lookups, l)
}

// flatten returns the tests that a chain of && joins.
func flatten(t test, to []test) []test {
	if b, ok := t.(*both); ok {
		return flatten(b.right, flatten(b.left, to))
	}
	return append(to, t)
}

// isFixed tells whether the operand's value is the same for all users.
func (o *operand) isFixed() bool { return o.from == constant || o.from == theTime }

// field returns the field of the index that has the operand's value, if one has.
func (o *operand) field() (string, bool) {
	switch {
	case o.form != asItIs:
		return "", false
	case o.from == attribute:
		return attributeField(o.name), true
	case o.from == locale:
		return localeField, true
	case o.from == zone:
		return zoneField, true
	}
	return "", false
}

// flipped is the relation seen from the other side.
func (r relation) flipped() relation {
	return [...]relation{equal: equal, less: greater, lessOrEqual: greaterOrEqual, greater: less, greaterOrEqual: lessOrEqual}[r]
}
