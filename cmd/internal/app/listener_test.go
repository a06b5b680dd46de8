package app

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"reddot/cmd/internal/config"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
)

// A failing listener returns errors before each connection that it accepts.
type failing struct {
	net.Listener
	mu   sync.Mutex
	errs []error
	next int
}

func (f *failing) Accept() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next < len(f.errs) {
		f.next++
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: f.errs[f.next-1]}
	}
	f.next = 0
	f.mu.Unlock()
	c, err := f.Listener.Accept()
	f.mu.Lock()
	return c, err
}

// passing is what accept(2) may return of a connection, or for lack of something.
var passing = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.EPROTO, syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN, syscall.ENONET, syscall.EHOSTUNREACH,
	syscall.EOPNOTSUPP, syscall.ENETUNREACH, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EPERM, syscall.ETIMEDOUT, syscall.EINTR, syscall.EAGAIN,
}

func failingWith(t *testing.T, errs ...error) (*retryListener, *prometheus.Registry) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	figures := prometheus.NewRegistry()
	l := newRetryListener(&failing{Listener: inner, errs: errs}, "test", slog.New(slog.DiscardHandler), newUnaccepted(figures))
	t.Cleanup(func() { _ = l.Close() })
	return l, figures
}

// failures returns all of passing, and an error that nobody knows.
func failures() []error {
	var errs []error
	for _, e := range passing {
		errs = append(errs, os.NewSyscallError("accept4", e))
	}
	return append(errs, errors.New("an error that nobody knows"))
}

// failed returns how often a listener has failed, as the figures tell.
func failed(t *testing.T, r *prometheus.Registry, listener string) (n float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "reddot_accept_errors_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "listener" && l.GetValue() == listener {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

// failsAlways lets each listener of a server fail in all ways that pass, before
// each connection.
var failsAlways = forTests{listener: func(ln net.Listener) net.Listener { return &failing{Listener: ln, errs: failures()} }}

func wantUnaccepted(t *testing.T, a *App, listeners ...string) {
	t.Helper()
	for _, l := range listeners {
		if n := failed(t, a.registry, l); n < float64(len(failures())) {
			t.Errorf("%s: %v failures are counted, want %d", l, n, len(failures()))
		}
	}
	select {
	case err := <-a.Failed():
		t.Errorf("the server has ended: %v", err)
	default:
	}
}

// Every listener goes on, whatever happens to a connection or is lacking when it
// is accepted.
func TestServersOutliveFailedAccepts(t *testing.T) {
	t.Run("TLS", func(t *testing.T) {
		cfg := testConfig(t)
		dir := t.TempDir()
		cfg.TLS = config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
		pool := writeCertificate(t, cfg.TLS)
		cfg.MQTT.ListenTLS, cfg.Pprof = "127.0.0.1:0", "127.0.0.1:0"
		a, _ := startWith(t, cfg, failsAlways)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
		for range 2 {
			res, err := (&http.Client{Transport: transport, Timeout: patience}).Get(a.URL() + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			phone, _ := mqttClient(t, "ssl://"+a.MQTTSecureAddr().String(), func(o *paho.ClientOptions) {
				o.SetUsername("alice").SetTLSConfig(&tls.Config{RootCAs: pool})
			})
			done(t, phone.Publish("news", 1, false, "hello"))
		}
		wantUnaccepted(t, a, "http", "mqtts", "profiles")
	})
	t.Run("cluster", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.MQTT.Listen = "127.0.0.1:0"
		all := startClusterWith(t, cfg, 2, failsAlways)
		for i, u := range []string{"alice", "bob", "carol", "dave"} {
			publish(t, all[i%2], u, "")
			_, _ = mqttClient(t, "tcp://"+all[i%2].MQTTAddr().String(), func(o *paho.ClientOptions) { o.SetUsername(u) })
		}
		for _, a := range all {
			wantUnaccepted(t, a, "http", "mqtt", "links")
		}
	})
}

// What can never pass ends the server, so that a supervisor may start it again.
func TestAcceptEndsForGood(t *testing.T) {
	for _, err := range []error{net.ErrClosed, syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK} {
		l, _ := failingWith(t, err)
		if _, got := l.Accept(); !errors.Is(got, err) {
			t.Errorf("got %v, want %v", got, err)
		}
	}
}

// A listener that waits for descriptors can be closed at once.
func TestCloseEndsRetries(t *testing.T) {
	errs := make([]error, 1000)
	for i := range errs {
		errs[i] = syscall.EMFILE
	}
	l, figures := failingWith(t, errs...)
	ended := make(chan error, 1)
	go func() { _, err := l.Accept(); ended <- err }()
	for late := time.Now().Add(10 * time.Second); failed(t, figures, "test") < 8; {
		if time.Now().After(late) {
			t.Fatal("Accept does not try again")
		}
		time.Sleep(time.Millisecond)
	}
	closed := time.Now()
	_ = l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ended with %v", err)
	}
	if took := time.Since(closed); took > time.Second/2 {
		t.Errorf("it took %v to close", took)
	}
}
