package cluster

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// registryMaps is how many maps protoactor's registry of processes keeps, of 32
// shards each. It must divide its own number, 1,024, by which a node with some
// ten thousand actors has one or two in each map, and pays 300 bytes for each.
const registryMaps = 8

// shrinkRegistry lets the registry have fewer maps.
func shrinkRegistry(r *actor.ProcessRegistryValue) {
	all := r.LocalPIDs.LocalPIDs
	if len(all)%registryMaps != 0 {
		return // another version of protoactor
	}
	r.LocalPIDs.LocalPIDs = slices.Clone(all[:registryMaps])
	for _, m := range all[registryMaps:] { // what the system has brought along
		for id, process := range m.Items() {
			r.LocalPIDs.GetBucket(id).Set(id, process)
		}
	}
}
