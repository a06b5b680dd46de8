package api

// govern finds the policy that judges the draft's message. What is broadcast has one only if it
// names one: the app's default judges messages to users who are named.
func (a *API) govern(app string, d *draft) (err error) {
	d.governs = nil
	if a.policies == nil {
		if d.policy.Name != "" {
			return wrong("policy", "this field is not enabled")
		}
		return nil
	}
	if d.to.audience != nil && d.policy.Name == "" {
		return nil
	}
	d.governs, err = a.policies.Of(a.deadlines.Next(), app, d.policy.Name, d.policy.Version)
	return err
}
