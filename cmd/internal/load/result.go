package load

import "reddot/cmd/internal/load/report"

// result gathers what the workers saw.
func (b *bench) result(workers []*worker) report.Result {
	var t tally
	answers, deliveries := report.NewLatencies(), report.NewLatencies()
	var arrived uint64
	for _, w := range workers {
		t.add(&w.tally)
		answers.Add(w.answers)
		deliveries.Add(w.deliveries)
		arrived += w.arrivedIn
	}
	r := report.Result{
		System: b.system, Scenario: b.cfg.Scenario, Transport: string(b.cfg.Transport),
		Users: b.cfg.Users, Conns: b.cfg.Users * b.cfg.Connections, Seconds: b.cfg.Duration.Seconds(),
		Sent: t.sent, Accepted: t.accepted, Delivered: t.delivered,
		Answer: answers.Quantiles(), Delivery: deliveries.Quantiles(),
		Lost: t.lost, Doubled: t.doubled, Disordered: t.disordered, Wrong: t.wrong, Misdirected: t.misdirected,
		Foreign: t.foreign, Resets: t.resets, Beats: t.beats, Reconnects: t.reconnects, Errors: t.errors,
		OwnCPU: report.Cores(b.own[0], b.own[1]), More: b.more,
	}
	if b.took > 0 {
		r.Seconds = float64(b.took) / 1e9
	}
	r.AnswerRate = float64(r.Answer.Count) / r.Seconds
	r.DeliveryRate = float64(arrived) / r.Seconds
	if len(b.cfg.PIDs) > 0 {
		per := arrived
		if r.Conns == 0 {
			per = uint64(r.Answer.Count)
		}
		r.CPU = report.Cores(b.first, b.last)
		if n := r.Answer.Count; b.cfg.Scenario == "broadcast" && b.cfg.Singles == 0 && n > 0 && b.last.Written > 0 {
			b.more["bytes written to disks, a broadcast"] = float64(b.last.Written-b.first.Written) / float64(n)
		}
		if per > 0 {
			r.CPUPerDelivery = float64((b.last.CPU - b.first.CPU).Microseconds()) / float64(per)
		}
		r.RSSBefore, r.RSSConnected, r.RSSEnd = b.before.RSS, b.with.RSS, b.last.RSS
		if r.Conns > 0 {
			at := b.with.RSS
			if b.cfg.Scenario == "idle" {
				at = b.last.RSS
			}
			r.BytesPerConn = float64(at-b.before.RSS) / float64(r.Conns)
		}
	}
	return r
}
