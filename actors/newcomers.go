package actors

// What of a log is also for users who join later. It is found without reading the rest: most
// entries are for nobody but those who were there.

// noteEnd notes in the entries of a message that e is its end.
func (k *knownLog) noteEnd(e *LogEntry) {
	if e.Kind != LogKind_LOG_RETRACTED && e.Kind != LogKind_LOG_EXPIRED {
		return
	}
	for _, o := range k.open {
		if o.Concerns() == e.Concerns() {
			o.ended.Store(e.Pos)
		}
	}
}

// isOver tells whether the entry's message had come to its end at a position.
func (e *KnownEntry) isOver(pos uint64) bool {
	at := e.ended.Load()
	return at != 0 && at <= pos
}

// FirstOpen returns the position of the first entry since a time (unix milliseconds) that
// admits newcomers to a message which they can see; 0: there is none.
func (l *Log) FirstOpen(since int64) uint64 {
	k := l.known.Load()
	for _, e := range k.open {
		if e.At >= since && e.LetsAppear() && !e.isOver(k.head()) {
			return e.Pos
		}
	}
	return 0
}

// Open returns the entries with after < pos ≤ upto that are also for a user who joins where the
// log stands at upto: those that admit newcomers, but for messages that were over by then.
func (l *Log) Open(after, upto uint64) (list []*KnownEntry) {
	for _, e := range l.known.Load().open {
		if e.Pos > after && e.Pos <= upto && !e.isOver(upto) {
			list = append(list, e)
		}
	}
	return list
}
