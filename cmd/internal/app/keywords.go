package app

import (
	"context"

	"reddot/actors/screening"
)

// keywordLists is what servers tell each other about when a keyword list has changed.
const keywordLists = "keywords"

// loadKeywords reads the keyword lists of all apps: messages are screened by them from the
// first one on.
func (a *App) loadKeywords(ctx context.Context) error {
	a.keywords = screening.New(screening.Config{Now: a.now, Changed: func() {
		if a.node != nil {
			a.node.NotifyChanged(keywordLists)
		}
	}}, a.store)
	return a.keywords.Reload(ctx)
}

// reloadKeywords reads what others have changed of keyword lists.
func (a *App) reloadKeywords(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, rereadTime)
	defer cancel()
	if err := a.keywords.Reload(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("keyword lists can't be read again; the old ones go on", "err", err)
	}
}
