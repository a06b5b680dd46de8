package judge

import "fmt"

// Ruled is what came of the messages to a user under a cap and a quota.
type Ruled struct {
	User      string
	Delivered int      // by the answers
	Unknown   int      // without an answer
	Stopped   []string // by which rule
	Has       int      // at the end
}

// CheckRules holds that each user has what the answers say, no more than the cap, and that all
// together have no more than the quota.
func CheckRules(list []Ruled, most, quota int) (errs []error) {
	all := 0
	for _, u := range list {
		all += u.Has
		if u.Has < u.Delivered || u.Has > u.Delivered+u.Unknown {
			errs = append(errs, fmt.Errorf("%s has %d messages; the answers say %d, and %d are unknown", u.User, u.Has, u.Delivered, u.Unknown))
		}
		if u.Has > most {
			errs = append(errs, fmt.Errorf("%s has %d messages under a cap of %d", u.User, u.Has, most))
		}
		for _, rule := range u.Stopped {
			if rule != "cap" && rule != "quota" {
				errs = append(errs, fmt.Errorf("%s: a message was stopped by %q", u.User, rule))
			}
		}
	}
	if all > quota {
		errs = append(errs, fmt.Errorf("%d messages under a quota of %d", all, quota))
	}
	return errs
}

// CheckCampaign holds that each of a campaign's users has its message once, but for those who
// are held out.
func CheckCampaign(have []int, heldOut int) (errs []error) {
	without := 0
	for i, n := range have {
		switch {
		case n == 0:
			without++
		case n > 1:
			errs = append(errs, fmt.Errorf("user %d has %d messages of the campaign", i, n))
		}
	}
	if without != heldOut {
		errs = append(errs, fmt.Errorf("%d users have nothing of the campaign, which holds out %d", without, heldOut))
	}
	return errs
}
