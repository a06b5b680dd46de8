package actors

import (
	"testing"
)

// BenchmarkMailbox sends a message whose turn does nothing.
func BenchmarkMailbox(b *testing.B) {
	for name, senders := range map[string]int{"one": 0, "many": 64} {
		b.Run(name, func(b *testing.B) {
			box := &mailbox{host: &Home{}}
			box.RegisterHandlers(idleInvoker{}, nil)
			m := any(&Passivate{})
			b.ReportAllocs()
			if senders == 0 {
				for b.Loop() {
					box.PostUserMessage(m)
				}
				return
			}
			b.SetParallelism(senders)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					box.PostUserMessage(m)
				}
			})
		})
	}
}

type idleInvoker struct{}

func (idleInvoker) InvokeSystemMessage(any)  {}
func (idleInvoker) InvokeUserMessage(any)    {}
func (idleInvoker) EscalateFailure(any, any) {}
