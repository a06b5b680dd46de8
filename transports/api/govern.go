package api

// govern finds the policy that judges the draft's message.
func (a *API) govern(app string, d *draft) (err error) {
	d.governs = nil
	if a.policies == nil {
		if d.policy.Name != "" {
			return wrong("policy", "this field is not enabled")
		}
		return nil
	}
	if d.policy.Name != "" && d.to.audience != nil {
		return wrong("policy", "it judges messages to users who are named; what is broadcast goes by what users prefer, and by deny lists")
	}
	if d.to.audience != nil {
		return nil
	}
	d.governs, err = a.policies.Of(a.deadlines.Next(), app, d.policy.Name, d.policy.Version)
	return err
}
