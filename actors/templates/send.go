package templates

import (
	"context"

	"reddot/actors"
	"reddot/actors/content"
	"reddot/actors/reviewed"
)

// Templates are those of all apps.
type Templates struct {
	*reviewed.Texts[*content.Template]
}

// New returns the templates that are kept in the records.
func New(cfg reviewed.Config, records actors.SwapRecords) *Templates {
	return &Templates{reviewed.New("template", content.Parse, cfg, records)}
}

// Sendable returns the version of which messages may be made, with its text; 0: the one
// that is live.
func (t *Templates) Sendable(ctx context.Context, app, id string, version uint64) (*content.Template, *content.Version, error) {
	h, err := t.Find(ctx, app, id)
	if err != nil {
		return nil, nil, err
	}
	if version == 0 && h.Record.Live == 0 {
		return nil, nil, actors.Errorf(actors.Conflict, "no version of the template %s is live: publish one that was approved", id)
	}
	if version == 0 {
		version = h.Record.Live
	}
	v := h.Record.Find(version)
	switch {
	case v == nil:
		return nil, nil, actors.Errorf(actors.NotFound, "the template %s has no version %d, or not any more", id, version)
	case !v.Sendable():
		return nil, nil, actors.Errorf(actors.Conflict, "version %d of the template %s is %s: only what was approved is sent", version, id, v.State)
	}
	x, err := t.Text(ctx, app, id, v.Hash)
	return x, v, err
}
