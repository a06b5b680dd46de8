package actors

// An Effect is something that may leave an actor once the seq is durable: a
// push, and an answer or a step of another kind.
type Effect struct {
	next *Effect
	Seq  uint64
	req  *Request // to be answered, here or by run
	push *Push    // to be pushed
	run  func()   // to be done; it answers req if there is one
}

// outbox holds effects in the order of their seqs until they are durable.
type outbox struct {
	head, tail *Effect
	N          int
}

func (o *outbox) add(e *Effect) {
	e.next = nil
	if o.tail == nil {
		o.head = e
	} else {
		o.tail.next = e
	}
	o.tail = e
	o.N++
}

// take returns the first effect if it is durable, else nil.
func (o *outbox) take(durable uint64) *Effect {
	e := o.head
	if e == nil || e.Seq > durable {
		return nil
	}
	if o.head = e.next; o.head == nil {
		o.tail = nil
	}
	e.next = nil
	o.N--
	return e
}

// join returns one push for two that follow each other; a may be nil.
func join(a, b *Push) *Push {
	if a == nil {
		return b
	}
	j := &Push{Key: b.Key, From: a.From, To: b.To, Hole: a.Hole || b.Hole}
	if !j.Hole {
		j.Events = append(a.Events[:len(a.Events):len(a.Events)], b.Events...)
	} else {
		j.Events = b.Events[max(0, len(b.Events)-1):] // for its counts
	}
	return j
}
