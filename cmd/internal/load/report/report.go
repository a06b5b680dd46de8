package report

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// ErrFaults says that something was lost, doubled, out of order, wrongly counted
// or refused.
var ErrFaults = errors.New("load: the server is at fault")

// A Report is what all runs have shown.
type Report struct {
	Results []Result `json:"results"`
}

// A Result is what one run has shown.
type Result struct {
	Run       int     `json:"run"`
	System    string  `json:"system"` // server, floor or rival
	Scenario  string  `json:"scenario"`
	Transport string  `json:"transport"`
	Users     int     `json:"users"`
	Conns     int     `json:"connections"` // in all
	Seconds   float64 `json:"seconds"`     // measured

	Sent      uint64 `json:"sent"`
	Accepted  uint64 `json:"accepted"`
	Delivered uint64 `json:"delivered"`
	// Rates a second, of answers and deliveries in the measured time.
	AnswerRate   float64 `json:"answers_per_s"`
	DeliveryRate float64 `json:"deliveries_per_s"`
	// Answer and Delivery are the times from when a message was due to leave.
	Answer   Quantiles `json:"answer"`
	Delivery Quantiles `json:"delivery"`

	Lost        uint64            `json:"lost"`
	Doubled     uint64            `json:"doubled"`
	Disordered  uint64            `json:"out_of_order"`
	Wrong       uint64            `json:"wrong_counts"`
	Misdirected uint64            `json:"misdirected"`
	Foreign     uint64            `json:"foreign"` // events of others
	Resets      uint64            `json:"resets"`
	Beats       uint64            `json:"heartbeats"`
	Reconnects  uint64            `json:"reconnects"`
	Errors      map[string]uint64 `json:"errors,omitempty"`

	// Of the server's process, if it is known; CPU in the measured time.
	CPUPerDelivery float64 `json:"server_cpu_us_per_delivery,omitempty"`
	CPU            float64 `json:"server_cpu_cores,omitempty"`
	RSSBefore      int64   `json:"rss_before,omitempty"`
	RSSConnected   int64   `json:"rss_connected,omitempty"`
	RSSEnd         int64   `json:"rss_end,omitempty"`
	BytesPerConn   float64 `json:"rss_per_connection,omitempty"`
	// OwnCPU is the generator's own, in cores.
	OwnCPU float64 `json:"generator_cpu_cores,omitempty"`
	// Scenario-specific figures by name, in the order of their names.
	More map[string]float64 `json:"more,omitempty"`
}

// Faults returns how often the server was at fault.
func (r *Result) Faults() uint64 {
	return r.Lost + r.Doubled + r.Disordered + r.Wrong + r.Misdirected
}

// Err wraps ErrFaults if any run saw a fault, or nothing accepted of what was
// sent.
func (r *Report) Err() error {
	for i := range r.Results {
		x := &r.Results[i]
		if n := x.Faults(); n > 0 {
			return fmt.Errorf("%w: run %d of the %s: %d lost, %d doubled, %d out of order, %d wrong counts, %d to the wrong user",
				ErrFaults, x.Run, x.System, x.Lost, x.Doubled, x.Disordered, x.Wrong, x.Misdirected)
		}
		if x.Sent > 0 && x.Accepted == 0 {
			return fmt.Errorf("%w: run %d of the %s: nothing of %d messages was accepted", ErrFaults, x.Run, x.System, x.Sent)
		}
	}
	return nil
}

// Cores returns the processors kept busy between two readings.
func Cores(a, z Reading) float64 {
	if d := z.at.Sub(a.at); d > 0 {
		return float64(z.CPU-a.CPU) / float64(d)
	}
	return 0
}

// Write writes the result for people.
func (r *Result) Write(out io.Writer) {
	fmt.Fprintf(out, "\n%s  %s over %s  run %d: %d users, %d connections, %.1f s\n",
		r.System, r.Scenario, r.Transport, r.Run, r.Users, r.Conns, r.Seconds)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if r.Answer.Count+r.Delivery.Count > 0 {
		fmt.Fprintln(t, "\trate/s\tp50\tp90\tp99\tp99.9\tmax\t")
		line := func(name string, rate float64, q Quantiles) {
			if q.Count > 0 {
				fmt.Fprintf(t, "%s\t%.0f\t%s\t%s\t%s\t%s\t%s\t\n", name, rate, span(q.P50), span(q.P90), span(q.P99), span(q.P999), span(q.Max))
			}
		}
		line("publish to answer", r.AnswerRate, r.Answer)
		line("publish to delivery", r.DeliveryRate, r.Delivery)
		_ = t.Flush()
	}
	fmt.Fprintf(out, "  %d sent, %d accepted, %d delivered\n", r.Sent, r.Accepted, r.Delivered)
	fmt.Fprintf(out, "  %d lost, %d doubled, %d out of order, %d wrong counts", r.Lost, r.Doubled, r.Disordered, r.Wrong)
	for _, x := range []struct {
		n    uint64
		what string
	}{{r.Misdirected, "to the wrong user"}, {r.Resets, "resets"}, {r.Reconnects, "reconnects"}, {r.Foreign, "of others"}, {r.Beats, "heartbeats"}} {
		if x.n > 0 {
			fmt.Fprintf(out, ", %d %s", x.n, x.what)
		}
	}
	fmt.Fprintln(out)
	if r.RSSBefore > 0 {
		fmt.Fprintf(out, "  server: ")
		if r.CPUPerDelivery > 0 {
			fmt.Fprintf(out, "%.1f µs CPU a %s, ", r.CPUPerDelivery, r.unit())
		}
		fmt.Fprintf(out, "%.3f cores, RSS %s before, %s with connections, %s at the end", r.CPU, bytesText(r.RSSBefore), bytesText(r.RSSConnected), bytesText(r.RSSEnd))
		if r.BytesPerConn > 0 {
			fmt.Fprintf(out, ", %.0f B a connection", r.BytesPerConn)
		}
		fmt.Fprintln(out)
	}
	if r.OwnCPU > 0 {
		fmt.Fprintf(out, "  generator: %.3f cores\n", r.OwnCPU)
	}
	for _, k := range slices.Sorted(maps.Keys(r.More)) {
		fmt.Fprintf(out, "  %s: %.6g\n", k, r.More[k])
	}
	for _, k := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(out, "  error: %d × %s\n", r.Errors[k], strings.TrimSpace(k))
	}
}

// unit names what the processor's time is divided by.
func (r *Result) unit() string {
	if r.Conns == 0 {
		return "message"
	}
	return "delivery"
}

// span formats microseconds.
func span(us float64) string {
	switch {
	case us >= 1e6:
		return fmt.Sprintf("%.2fs", us/1e6)
	case us >= 1000:
		return fmt.Sprintf("%.2fms", us/1000)
	}
	return fmt.Sprintf("%.0fµs", us)
}

func bytesText(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// WriteSummary writes the medians, and what the server is of the floor, or of its
// rival.
func (r *Report) WriteSummary(out io.Writer) {
	type row struct {
		name string
		of   func(*Result) float64
	}
	rows := []row{
		{"answers/s", func(x *Result) float64 { return x.AnswerRate }},
		{"deliveries/s", func(x *Result) float64 { return x.DeliveryRate }},
		{"answer p99, µs", func(x *Result) float64 { return x.Answer.p99() }},
		{"delivery p99, µs", func(x *Result) float64 { return x.Delivery.p99() }},
		{"CPU µs each", func(x *Result) float64 { return x.CPUPerDelivery }},
		{"B a connection", func(x *Result) float64 { return x.BytesPerConn }},
	}
	runs, other := 0, "floor"
	for i := range r.Results {
		runs = max(runs, r.Results[i].Run)
		if r.Results[i].System == "rival" {
			other = "rival"
		}
	}
	fmt.Fprintf(out, "\nmedians of %d runs\n", runs)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\tserver\t%s\tratio\t\n", other)
	for _, w := range rows {
		s, f := r.median("server", w.of), r.median(other, w.of)
		switch {
		case f > 0:
			fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.2f\t\n", w.name, s, f, s/f)
		case s > 0:
			fmt.Fprintf(t, "%s\t%.1f\t\t\t\n", w.name, s)
		}
	}
	_ = t.Flush()
}

func (r *Report) median(system string, of func(*Result) float64) float64 {
	var v []float64
	for i := range r.Results {
		if r.Results[i].System == system {
			v = append(v, of(&r.Results[i]))
		}
	}
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// p99 is 0 where there was nothing to measure.
func (q Quantiles) p99() float64 {
	if q.Count == 0 {
		return 0
	}
	return q.P99
}
