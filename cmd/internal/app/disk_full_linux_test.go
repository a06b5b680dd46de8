package app_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// diskInside tells the process that is in a mount namespace of its own.
const diskInside = "DISK_INSIDE"

// The size of the file system, and how much of it the ballast may leave.
const (
	diskSize = "48m"
	diskRest = 256 << 10
)

// TestDiskFull runs the program on a small file system that a ballast fills and
// frees again. Without a watermark the server ends, and is started again; with
// it, it refuses new writes first and goes on.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a file system")
	}
	if os.Getenv(diskInside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.v", "-test.timeout=1h")
		cmd.Env = append(os.Environ(), diskInside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		switch {
		case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EINVAL):
			t.Skip("mount namespaces can't be made here:", err)
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		}
		t.Logf("%s", out)
		return
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal("make mounts private:", err)
	}
	s := newProcess(t)
	var sum diskVerdict
	seeds, ended := diskSeeds(t, 2), 0
	for i, seed := range seeds {
		v, end := testDiskFull(t, s, seed, i%2 == 1)
		sum.answered += v.answered
		sum.lost += v.lost
		sum.replayedLost += v.replayedLost
		sum.doubled += v.doubled
		if end {
			ended++
		}
	}
	t.Logf("%d seeds from DISK_SEED=%d on: %d acknowledged, %d lost, %d replayed and not there, %d doubled; the server ended %d times",
		len(seeds), seeds[0], sum.answered, sum.lost, sum.replayedLost, sum.doubled, ended)
}

func testDiskFull(t *testing.T, s *process, seed uint64, watermark bool) (v diskVerdict, ended bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 99))
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size="+diskSize); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) }()
	s.dir, s.args = filepath.Join(mount, "data"), []string{"--set", "store.mem_table=1MiB", "--set", "log.level=warn", "--set", "inbox.messages=100000", "--set", "inbox.size=1GiB"}
	if !watermark {
		s.args = append(s.args, "--set", "store.low_disk=-1")
	}
	s.start(t)
	exit := make(chan error, 1)
	go func() { exit <- s.cmd.Wait() }()
	crowd := startDiskCrowd(s.url, seed)
	crowd.waitAnswered(t, 20+r.IntN(500))
	ballast := filepath.Join(mount, "ballast")
	if watermark {
		fill(t, ballast, 7<<19+r.Int64N(1<<20)) // a tenth is 4.8 MiB
	} else {
		fill(t, ballast, r.Int64N(diskRest))
	}
	if watermark {
		wantRefusal(t, s.url, seed)
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		free(t, ballast)
		crowd.waitAnswered(t, crowd.answered()+20) // by itself
		select {
		case err := <-exit:
			t.Errorf("seed %d: the server has ended: %v\n%s", seed, err, s.out)
		default:
			_ = s.cmd.Process.Kill()
			<-exit
		}
	} else {
		ended = true
		wantEnd(t, s, exit, seed)
		if r.IntN(2) == 0 { // a supervisor starts it again before there is room
			s.launch(t)
			again := make(chan error, 1)
			go func() { again <- s.cmd.Wait() }()
			select {
			case err := <-again:
				wantExit(t, s.out, err, seed)
			case <-time.After(time.Duration(r.IntN(1000)) * time.Millisecond):
				_ = s.cmd.Process.Kill()
				<-again
			}
		}
		free(t, ballast)
	}
	writes, errs := crowd.end()
	for _, err := range errs {
		t.Errorf("seed %d: %v", seed, err)
	}
	s.start(t)
	v = judgeDisk(t, s.url, writes)
	s.kill(t)
	return v, ended
}

// wantEnd waits for the end of a server whose disk is full.
func wantEnd(t *testing.T, s *process, exit chan error, seed uint64) {
	t.Helper()
	select {
	case err := <-exit:
		wantExit(t, s.out, err, seed)
	case <-time.After(30 * time.Second):
		t.Fatalf("seed %d: the server goes on, on a full disk", seed)
	}
}

// wantExit checks how a server has ended whose disk is full.
func wantExit(t *testing.T, out *bytes.Buffer, err error, seed uint64) {
	t.Helper()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 5 {
		t.Errorf("seed %d: the server has ended with %v, want exit status 5\n%s", seed, err, out)
	}
	n := strings.Count(out.String(), "nothing that was acknowledged is lost: free some room")
	if n != 1 {
		t.Errorf("seed %d: the server says %d times what to do\n%s", seed, n, out)
	}
}

// wantRefusal waits until new writes are refused, and reads that reads go on.
func wantRefusal(t *testing.T, url string, seed uint64) {
	t.Helper()
	client := newProbe()
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		status, body := probe(t, client, "POST", url+"/v1/users/new/messages")
		if status == 503 && strings.Contains(body, "nearly full") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("seed %d: new writes go on: %d %s", seed, status, body)
		}
	}
	if status, body := probe(t, client, "GET", url+"/metrics"); status != 200 || !strings.Contains(body, "reddot_store_low_disk_refused_total") {
		t.Errorf("seed %d: no metric of it: %d", seed, status)
	}
	for _, path := range []string{"/readyz", "/healthz", "/v1/users/user-1/counts", "/v1/users/user-1/messages", "/v1/users/new/counts"} {
		if status, body := probe(t, client, "GET", url+path); status != 200 {
			t.Errorf("seed %d: %s below the watermark: %d %s", seed, path, status, body)
		}
	}
}

// fill writes a file until the file system has only so many bytes left.
func fill(t *testing.T, name string, rest int64) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var st syscall.Statfs_t
	for block := make([]byte, 64<<10); ; {
		if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		if avail := int64(st.Bavail) * st.Bsize; avail <= rest {
			return
		}
		if _, err := f.Write(block); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

func free(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}
