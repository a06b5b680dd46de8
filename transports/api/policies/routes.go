package policies

import (
	"bytes"
	"encoding/json"
	"time"

	"reddot/actors"
	"reddot/actors/catalog"
	"reddot/actors/rule"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// Routes returns those of /v1/policies, whose entries are in the catalog. now is the wall
// clock.
func Routes(c *catalog.Catalog, now func() time.Time) []*resource.Route {
	e := &resource.Entries{
		Catalog: c, Kind: "policy", Path: "/v1/policies", ID: "name", Member: "policies",
		Put: transports.AuditPolicyPut, Drop: transports.AuditPolicyDrop, Read: read,
	}
	s := &simulator{c, now}
	return append(e.Routes(), &resource.Route{Method: "POST", Path: "/v1/policies/{name}/simulate", Access: transports.ToBrowse, Handle: s.simulate})
}

// read reads a policy as what is stored.
func read(_ *transports.FieldReader, body []byte) (json.RawMessage, error) {
	if _, err := rule.Parse("", 0, body); err != nil {
		if e := actors.AsError(err); e.Field == "" && e.Code == actors.Invalid {
			err = transports.WrongField("body", e.Detail)
		}
		return nil, err
	}
	var stored bytes.Buffer
	if err := json.Compact(&stored, body); err != nil {
		return nil, transports.WrongField("body", "this is no JSON")
	}
	return stored.Bytes(), nil
}
