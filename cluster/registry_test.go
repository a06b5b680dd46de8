package cluster

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// TestNarrow: whoever was registered before or is after, is found.
func TestNarrow(t *testing.T) {
	system := actor.NewActorSystem()
	defer system.Shutdown()
	idle := actor.PropsFromFunc(func(actor.Context) {})
	var pids []*actor.PID
	spawn := func(from int) {
		for i := range 2000 {
			pid, err := system.Root.SpawnNamed(idle, fmt.Sprint("a", from+i))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	spawn(0)
	shrinkRegistry(system.ProcessRegistry)
	spawn(2000)
	if n := len(system.ProcessRegistry.LocalPIDs.LocalPIDs); n != registryMaps {
		t.Errorf("the registry has %d maps, want %d: has protoactor changed?", n, registryMaps)
	}
	for _, pid := range pids {
		if _, ok := system.ProcessRegistry.Get(pid); !ok {
			t.Fatalf("%s is not found", pid.Id)
		}
	}
	if _, ok := system.ProcessRegistry.GetLocal("eventstream"); !ok {
		t.Error("the system's own process is not found")
	}
}
