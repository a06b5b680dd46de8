package hostile

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"reddot/cmd/internal/load/mqtt"
)

// byMQTT returns the attacks on the broker.
func (h *neighbor) byMQTT() []attack {
	dial := h.bare(h.broker)
	var clients atomic.Int64
	connect := func(lasting bool) []byte {
		return mqtt.AppendConnect(nil, fmt.Sprintf("hostile-%d", clients.Add(1)), h.user, h.cfg.Attacker, 60, lasting)
	}
	open := func() []byte { return connect(false) }
	subscribe := func(n int) (b []byte) {
		for i := range 50 {
			id := uint16((n*50+i)%0xffff + 1)
			b = mqtt.AppendSubscribe(b, id, fmt.Appendf(nil, "users/%s/%d/+/#", h.user, id), 1)
		}
		return b
	}
	large := []byte(strings.Repeat("x", 8<<10))
	unreleased := func(n int) (b []byte) {
		for i := range 2 {
			b = mqtt.AppendPublish(b, fmt.Appendf(nil, "users/%s/qos2", h.user), large, 2, uint16((n*2+i)%0xffff+1))
		}
		return b
	}
	inbox := fmt.Appendf(nil, "users/%s/#", h.user)
	return []attack{
		{"connections without CONNECT", 100, h.silent(dial, "")},
		{"SUBSCRIBE floods", 4, h.flood(dial, open, subscribe)},
		{"QoS 2 without PUBREL", 4, h.flood(dial, open, unreleased)},
		{"subscribers that do not read", 10, func(ctx context.Context, done *atomic.Int64) {
			h.silent(dial, string(mqtt.AppendSubscribe(connect(false), 1, inbox, 0)))(ctx, done)
		}},
		{"sessions that are left", 4, func(ctx context.Context, done *atomic.Int64) {
			h.short(dial, string(mqtt.AppendSubscribe(connect(true), 1, inbox, 1)))(ctx, done)
		}},
	}
}
