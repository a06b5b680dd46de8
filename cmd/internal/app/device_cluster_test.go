//go:build unix

package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDeviceInCluster registers a device for one user after the other, who live on two
// servers: in the end it is the last one's alone, also where a server ends in between.
func TestDeviceInCluster(t *testing.T) {
	all := startCluster(t, testConfig(t), 2)
	users := []string{"u1", "u2", "u3", "u4", "u5", "u6"} // they live here and there
	const profile = `{"addresses":{"fcm":[{"token":"the-token"}]}}`
	register := func(on *App, user string) {
		t.Helper()
		if status, answer := call(t, "PUT", on.URL()+"/v1/users/"+user, "", profile); status >= http.StatusMultipleChoices || !strings.Contains(answer, "the-token") {
			t.Fatalf("%s registers: got %d %s", user, status, answer)
		}
	}
	await := func(on *App, owner string) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			var who []string
			for _, u := range users {
				// An export does not look whose the device is, as a read does.
				if _, answer := call(t, "GET", on.URL()+"/v1/users/"+u+"/export", "", ""); strings.Contains(answer, "the-token") {
					who = append(who, u)
				}
			}
			if fmt.Sprint(who) == fmt.Sprint([]string{owner}) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the device is named by %v, want %s alone", who, owner)
			}
		}
	}
	for i, u := range users {
		register(all[i%2], u)
	}
	await(all[0], "u6")
	register(all[0], "u1")
	stop(t, all[0])
	await(all[1], "u1")
}
