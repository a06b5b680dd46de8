package report

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A Reading is what a process has used so far.
type Reading struct {
	at  time.Time
	CPU time.Duration // user and system, of all its threads
	RSS int64         // bytes resident
	// Written is how many bytes it has let the system write to disks; 0 where that
	// is not told.
	Written int64
}

// clockTick is the kernel's USER_HZ, 100 on every Linux port that Go runs on.
const clockTick = 10 * time.Millisecond

// ReadProcess reads /proc/PID/stat, status and io (proc_pid_stat(5)).
func ReadProcess(pid int) (Reading, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Reading{}, fmt.Errorf("read process: %w", err)
	}
	r := Reading{at: time.Now()}
	if r.CPU, err = parseStat(stat); err != nil {
		return Reading{}, fmt.Errorf("read process %d: %w", pid, err)
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Reading{}, fmt.Errorf("read process: %w", err)
	}
	r.RSS, err = parseStatus(status)
	if err != nil {
		return Reading{}, fmt.Errorf("read process %d: %w", pid, err)
	}
	if io, err := os.ReadFile(dir + "/io"); err == nil { // another user's is not told
		r.Written = parseIO(io)
	}
	return r, nil
}

// parseIO returns write_bytes.
func parseIO(b []byte) int64 {
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("write_bytes:")); ok {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(v)), 10, 64)
			return n
		}
	}
	return 0
}

// ReadProcesses reads several processes and adds them up.
func ReadProcesses(pids []int) (sum Reading, err error) {
	for _, pid := range pids {
		r, err := ReadProcess(pid)
		if err != nil {
			return Reading{}, err
		}
		sum.at = r.at
		sum.CPU += r.CPU
		sum.RSS += r.RSS
		sum.Written += r.Written
	}
	return sum, nil
}

// parseStat returns fields 14 and 15, utime and stime. Field 2 is a name in
// brackets that may itself hold brackets and spaces.
func parseStat(b []byte) (time.Duration, error) {
	i := bytes.LastIndexByte(b, ')')
	f := bytes.Fields(b[i+1:])
	if i < 0 || len(f) < 13 {
		return 0, fmt.Errorf("stat: too short")
	}
	var ticks int64
	for _, v := range f[11:13] {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// parseStatus returns VmRSS in bytes.
func parseStatus(b []byte) (int64, error) {
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			v = bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(v), []byte("kB")))
			n, err := strconv.ParseInt(string(v), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("status: %w", err)
			}
			return n << 10, nil
		}
	}
	return 0, fmt.Errorf("status: no VmRSS")
}
