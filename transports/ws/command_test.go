package ws

import (
	"testing"
)

func BenchmarkCommand(b *testing.B) {
	for name, text := range map[string]string{
		"ping":    `{"type":"ping","id":12}`,
		"read":    `{"type":"read","id":12,"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"],"category":"order","tenant":"acme"}`,
		"publish": `{"type":"publish","id":12,"topic":"rooms/42/talk","payload":"somebody says something to everybody in the room","retain":false}`,
		"object":  `{"type":"publish","id":12,"topic":"rooms/42/talk","payload":{"from":"alice","text":"somebody says something","at":[1,2.5,true]}}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			frame := []byte(text)
			for b.Loop() {
				if _, err := parseCommand(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
