package mqtt_test

import (
	"strings"
	"testing"
	"time"

	"reddot/transports/mqtt"
)

// TestConfig has the defaults that the documentation names, and what is refused.
func TestConfig(t *testing.T) {
	got, err := mqtt.Config{}.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"connect timeout":    got.ConnectTimeout == 10*time.Second,
		"connect size":       got.ConnectBytes == 64<<10,
		"packet size":        got.PacketBytes == 256<<10,
		"receive maximum":    got.ReceiveMaximum == 64 && got.SendMaximum == 64,
		"aliases":            got.AliasesIn == 16 && got.AliasesOut == 16,
		"keep alive":         got.KeepAlive == 30*time.Minute,
		"session expiry":     got.SessionExpiry == 7*24*time.Hour,
		"subscriptions":      got.Subscriptions == 100,
		"filters":            got.FilterBytes == 512 && got.FilterLevels == 16 && got.TopicBytes == 1024 && got.TopicLevels == 128,
		"queue":              got.QueueMessages == 1000 && got.QueueBytes == 4<<20,
		"publishes":          got.PublishesPerSecond == 1000 && got.PublishBurst == 2000,
		"nobody's without a": !got.Anonymous && got.AnonymousTopics == nil,
	} {
		if !ok {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	for _, c := range []struct {
		name string // of the field in the error
		cfg  mqtt.Config
	}{
		{"packet_size", mqtt.Config{PacketBytes: 16<<20 + 1}},
		{"packet_size", mqtt.Config{PacketBytes: -1}},
		{"connect_size", mqtt.Config{ConnectBytes: 16<<20 + 1}},
		{"receive_maximum", mqtt.Config{ReceiveMaximum: 65_536}},
		{"send_maximum", mqtt.Config{SendMaximum: 65_536}},
		{"aliases_in", mqtt.Config{AliasesIn: 65_536}},
		{"aliases_out", mqtt.Config{AliasesOut: 65_536}},
		{"keep_alive", mqtt.Config{KeepAlive: 65_536 * time.Second}},
		{"keep_alive", mqtt.Config{KeepAlive: time.Millisecond}},
		{"session_expiry", mqtt.Config{SessionExpiry: 1 << 32 * time.Second}},
		{"connect_timeout", mqtt.Config{ConnectTimeout: 2 * time.Hour}},
		{"filter_size", mqtt.Config{FilterBytes: 65_536}},
		{"a/#/b", mqtt.Config{AnonymousTopics: []string{"a/#/b"}}},
		{"a+", mqtt.Config{RefusedFilters: []string{"a+"}}},
	} {
		if _, err := c.cfg.WithDefaults(); err == nil || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	none, err := mqtt.Config{AliasesIn: -1, AliasesOut: -1, SessionExpiry: -1}.WithDefaults()
	if err != nil || none.AliasesIn != 0 || none.AliasesOut != 0 || none.SessionExpiry != 0 {
		t.Errorf("without any: got %+v, %v", none, err)
	}
}
