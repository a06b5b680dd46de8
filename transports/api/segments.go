package api

import (
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"reddot/actors/audience"
	"reddot/actors/catalog"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// segmentBody is what stands under a segment's name.
type segmentBody struct {
	Where string `json:"where"`
}

// segments are the resource /v1/segments.
func (a *API) segments() *resource.Entries {
	return &resource.Entries{
		Catalog: a.deps.Segments, Kind: "segment", Path: "/v1/segments", ID: "name", Member: "segments",
		Put: transports.AuditSegmentPut, Drop: transports.AuditSegmentDrop, Read: readSegment,
	}
}

// segment returns the segment that the path names, in the version that is asked for.
func (c *call) segment() (catalog.Entry, error) { return c.api.segments().Find(resourceCall{c}) }

// readSegment reads a body {"where":…} as what is stored.
func readSegment(in *transports.FieldReader, body []byte) (json.RawMessage, error) {
	var segment segmentBody
	var err error
	if segment.Where, err = readWhere(in, body); err != nil {
		return nil, err
	}
	if _, err := audience.Check(segment.Where); err != nil {
		return nil, err
	}
	stored, err := json.Marshal(segment)
	if err != nil {
		return nil, fmt.Errorf("encode the segment: %w", err)
	}
	return stored, nil
}

// where reads the call's body {"where":…}.
func (c *call) where() (where string, err error) {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return "", err
	}
	return readWhere(&c.draft.in, body)
}

func readWhere(in *transports.FieldReader, body []byte) (where string, err error) {
	err = in.Whole(body, func(name string) (err error) {
		if name != "where" {
			return wrong(transports.ShownField(name), "there is no such field")
		}
		where, err = in.WordField("where", audience.MaxLength)
		return err
	})
	return where, err
}

// refuseMatch answers 412 (RFC 9110 section 15.5.13), which is no code of the
// domain's.
func (c *call) refuseMatch() {
	transports.WriteProblemAs(c.RequestCtx, catalog.ErrNoMatch, fasthttp.StatusPreconditionFailed)
	c.api.allowOrigin(c)
}
