package quotas

import (
	"github.com/valyala/fasthttp"

	"reddot/actors/quota"
	"reddot/actors/rule"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// Routes returns those of /v1/quotas.
func Routes(t *quota.Table) []*resource.Route {
	return []*resource.Route{{Method: "GET", Path: "/v1/quotas", Access: transports.ToBrowse, Query: []string{"limit", "next"}, Handle: func(c resource.Call) error { return list(c, t) }}}
}

// list answers with a page of the app's quotas.
func list(c resource.Call, t *quota.Table) error {
	limit, err := c.Limit()
	if err != nil {
		return err
	}
	after := string(c.HTTP().QueryArgs().Peek("next"))
	if after != "" && !rule.IsQuota(after) {
		return transports.WrongField("next", "this is no next that the server gave out")
	}
	all, next, err := t.List(c.Deadline(), c.Who().App, after, limit)
	if err != nil {
		return err
	}
	return c.Encode(fasthttp.StatusOK, struct {
		Quotas []quota.Standing `json:"quotas"`
		Next   string           `json:"next,omitempty"`
	}{all, next})
}
