package app

import "testing"

func TestBuildSays(t *testing.T) {
	const commit, date = "d14f867bbaf00fdbe5a6f86f313395fa38c3848d", "2026-11-30T08:08:34Z"
	for want, b := range map[string]Build{
		"devel": {Version: "devel"},
		"v1.2.3 " + commit + " with changes of " + date:       {Version: "v1.2.3", Commit: commit, Dirty: true, Time: date},
		"v0.0.0-20261130080834-d14f867bbaf0+dirty of " + date: {Version: "v0.0.0-20261130080834-d14f867bbaf0+dirty", Commit: commit, Dirty: true, Time: date},
		"v0.0.0-20261130080834-d14f867bbaf0 of " + date:       {Version: "v0.0.0-20261130080834-d14f867bbaf0", Commit: commit, Time: date},
		"devel " + commit + " of " + date:                     {Version: "devel", Commit: commit, Time: date},
	} {
		if got := b.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
