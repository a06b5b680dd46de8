package report

import "testing"

func TestProcess(t *testing.T) {
	cpu, err := parseStat([]byte("7 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14"))
	if err != nil || cpu != 200*clockTick {
		t.Errorf("got %v, %v; want %v", cpu, err, 200*clockTick)
	}
	rss, err := parseStatus([]byte("Name:\tx\nVmRSS:\t    12 kB\n"))
	if err != nil || rss != 12<<10 {
		t.Errorf("got %d, %v", rss, err)
	}
}
