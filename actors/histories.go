package actors

// A Historian knows which history its store holds. What was written before in
// the same history is all there: a store that was restored, or a replica that
// was promoted, holds another one, for it may have lost what came last.
type Historian interface {
	// History returns the id of the history, never 0. It stays over restarts,
	// and is the same for all nodes that share the store.
	History() uint64
}

// A Turner is a Historian whose history may become another one while it is in
// use: a database that was restored, or whose replica was promoted.
type Turner interface {
	Historian
	// OnTurn lets giveUp be called when the store has found another history. It
	// lets go of all that was read from the store; until it returns, the store
	// neither reads nor writes. Then it calls goOn, with the new history in
	// force. It is called before the store is used.
	OnTurn(giveUp, goOn func())
}

// history returns the id of the store's history as it is now; 0 if the node
// does not know of any.
func (h *Home) history() uint64 {
	if h.History == nil {
		return 0
	}
	return h.History()
}
