package judge

import "testing"

// TestCheckRules finds each thing that can be wrong.
func TestCheckRules(t *testing.T) {
	good := []Ruled{{User: "a", Delivered: 3, Has: 3, Stopped: []string{"cap", "quota"}}, {User: "b", Delivered: 1, Unknown: 1, Has: 2}}
	if errs := CheckRules(good, 3, 5); len(errs) > 0 {
		t.Error(errs)
	}
	for name, bad := range map[string]struct {
		Ruled
		quota int
	}{
		"lost":    {Ruled{Delivered: 2, Has: 1}, 10},
		"doubled": {Ruled{Delivered: 1, Has: 2}, 10},
		"capped":  {Ruled{Delivered: 4, Has: 4}, 10},
		"rule":    {Ruled{Stopped: []string{"mute"}}, 10},
		"quota":   {Ruled{Delivered: 1, Has: 1}, 5},
	} {
		if errs := CheckRules(append([]Ruled{bad.Ruled}, good...), 3, bad.quota); len(errs) != 1 {
			t.Errorf("%s: got %v", name, errs)
		}
	}
	for heldOut, have := range map[int][]int{1: {1, 0, 1}, 0: {}} {
		if errs := CheckCampaign(have, heldOut); len(errs) > 0 {
			t.Error(errs)
		}
	}
	for _, have := range [][]int{{1, 1, 1}, {0, 0, 1}, {2, 0, 1}} {
		if errs := CheckCampaign(have, 1); len(errs) != 1 {
			t.Errorf("%v: got %v", have, errs)
		}
	}
}
