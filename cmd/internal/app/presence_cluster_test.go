//go:build unix

package app

import "testing"

// TestPresenceInCluster asks each of two servers for users who are connected to
// the other, wherever they live.
func TestPresenceInCluster(t *testing.T) {
	all := startCluster(t, testConfig(t), 2)
	a, b := all[0], all[1]
	for _, asked := range all {
		isPresentOn(t, a, b, asked)
	}
	for _, user := range []string{"u1", "u2", "u3", "u4", "u5", "u6"} { // they live here and there
		ws := openSocket(t, a, user)
		ws.read("hello")
		for _, asked := range all {
			eventually(t, user+" to be online", func() bool { return presenceOf(t, asked, user).String() == "true true [ws]" })
		}
		ws.write(`{"type":"visible","visible":false}`)
		ws.read("ok")
		for _, asked := range all {
			eventually(t, user+" to be hidden", func() bool { return presenceOf(t, asked, user).String() == "true false [ws]" })
		}
	}
}
