package chaos

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

// The addresses. A server knows the others, and the database, by addresses of
// the relay; whatever comes from another one comes from the same address.
const hubIP = "10.66.0.254"

func nodeIP(i int) string { return fmt.Sprintf("10.66.0.%d", i) }

// seenIP is where the others reach server i; 0 is the database.
func seenIP(i int) string {
	if i == database {
		return "10.66.1.254"
	}
	return fmt.Sprintf("10.66.1.%d", i)
}

// database is the database's number among those who can be cut off.
const database = 0

func netns(i int) string { return fmt.Sprintf("n%d", i) }

// The ports of servers and of the database.
const (
	httpPort   = 7777
	gossipPort = 7778
	linkPort   = 7779
	mqttPort   = 1883
	storePort  = 5432
)

// ip runs ip.
func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput() //nolint:gosec // G204: our own arguments
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// makeNetwork makes a bridge, and for each server a namespace on it.
func makeNetwork(nodes int) error {
	lines := []string{"link set lo up", "link add br0 type bridge", "addr add " + hubIP + "/16 dev br0", "link set br0 up",
		"addr add " + seenIP(database) + "/16 dev br0"}
	for i := 1; i <= nodes; i++ {
		lines = append(lines, "addr add "+seenIP(i)+"/16 dev br0", "netns add "+netns(i))
		v, e := fmt.Sprint("v", i), fmt.Sprint("e", i)
		lines = append(lines, "link add "+v+" type veth peer name "+e, "link set "+e+" netns "+netns(i), "link set "+v+" master br0 up",
			"-n "+netns(i)+" addr add "+nodeIP(i)+"/16 dev "+e, "-n "+netns(i)+" link set "+e+" up", "-n "+netns(i)+" link set lo up")
	}
	for _, l := range lines {
		if err := ip(strings.Fields(l)...); err != nil {
			return err
		}
	}
	return nil
}

// cut lets nothing more through that one server sends to another, or to the
// database. What is cut stays so until mend.
func cut(from, to int) error {
	return ip("-n", netns(from), "route", "replace", "blackhole", seenIP(to)+"/32")
}

// heal takes all of a server's cuts back.
func heal(from int) error {
	return ip("-n", netns(from), "route", "flush", "type", "blackhole")
}
