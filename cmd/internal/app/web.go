package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/cmd/internal/config"
	"reddot/transports/streams"
)

// web is the HTTP server and what it listens on.
type web struct {
	server   *fasthttp.Server
	listener net.Listener
	done     chan struct{} // closed when nothing is accepted any more
}

// certificate is what TLS shows, on every address.
type certificate struct {
	files   config.TLS // empty: there is none
	present atomic.Pointer[tls.Certificate]
}

func (a *App) listen(ctx context.Context) error {
	cfg := a.cfg.Load()
	w := &web{server: newServer(cfg, checkReserved(a.serve, a.operate), a.log.With("part", "http")), done: make(chan struct{})}
	if err := a.certificate.reload(); err != nil {
		return err
	}
	ln, err := a.listenTCP(ctx, "http", cfg.HTTP)
	if err != nil {
		return listenError(cfg.HTTP, "--http", err)
	}
	if cfg.Dev && !ln.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return errors.Join(fmt.Errorf("%s is not on loopback, as dev needs it", ln.Addr()), ln.Close())
	}
	w.listener = ln
	accept := ln
	if cfg.TLS.Cert != "" {
		accept = tls.NewListener(streams.Parking(accept), a.certificate.config("http/1.1"))
	}
	accept = a.door.Listener(accept)
	a.web = w
	go func() {
		defer close(w.done)
		if err := w.server.Serve(accept); err != nil {
			a.fail(fmt.Errorf("http: %w", err))
		}
	}()
	return nil
}

// newServer returns the HTTP server. Connections that stay leave it by Hijack
// and are bounded elsewhere.
func newServer(cfg *config.Config, handler fasthttp.RequestHandler, log *slog.Logger) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:      framed(handler),
		ErrorHandler: refuse,
		Logger:       fasthttpLog{log},
		// Its errors would repeat the head of a broken request, credentials too.
		SecureErrorLogMessage: true,

		Concurrency:    cfg.Server.Concurrency,
		ReadBufferSize: cfg.Limits.MaxHeader,
		ReadTimeout:    cfg.Server.ReadTimeout,
		WriteTimeout:   min(cfg.Server.WriteTimeout, cfg.Limits.WriteStall), // of what is not written in pieces
		IdleTimeout:    cfg.Server.IdleTimeout,
		// What a handler does not read is not taken in: the API bounds bodies.
		MaxRequestBodySize: cfg.Limits.MaxBody,
		StreamRequestBody:  true,

		// Goroutines that have nothing to do go soon, so that their stacks are
		// gone when Streams.Trim gives memory back.
		MaxIdleWorkerDuration: 4 * time.Second,

		KeepHijackedConns:            true,
		CloseOnShutdown:              true,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
	}
}

// stopListening takes no more connections, hands this server's users over to
// others, sends clients away over the time that the configuration says, and
// waits for the requests under way.
func (a *App) stopListening(ctx context.Context) error {
	stop := a.cfg.Load().Stop
	if stop.Notice > 0 {
		a.log.Info("not ready any more; giving load balancers time to notice", "notice", stop.Notice)
		select {
		case <-time.After(stop.Notice):
		case <-ctx.Done():
		}
	}
	// fasthttp's own Shutdown does nothing if it comes before Serve has begun.
	_ = a.web.listener.Close()
	if err := a.leave(ctx); err != nil {
		a.log.Warn("not all users were handed over; other servers take them when this one has ended", "err", err)
	}
	a.traces.Close() // the server waits for their streams
	drained := make(chan error, 1)
	go func() { drained <- a.streams.Drain(ctx, min(stop.Drain, a.spread())) }()
	select {
	case <-a.web.done:
	case <-ctx.Done():
	}
	err := a.web.server.ShutdownWithContext(ctx)
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, <-drained)
}

// leaveTime is what handing over may take.
const leaveTime = 5 * time.Second

// leave hands this server's users over to the others of its cluster.
func (a *App) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	return a.node.Leave(ctx)
}

// returnPace is how many clients a second are sent away at most if the time for
// it allows: no node minds so many that come back.
const returnPace = 500

// spread is the time over which it makes sense to send the clients away.
func (a *App) spread() time.Duration {
	n := 0
	for _, open := range a.streams.Open() {
		n += open
	}
	return time.Duration(n) * time.Second / returnPace
}

// reload reads the certificate's files anew, if there are any.
func (c *certificate) reload() error {
	if c.files.Cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	c.present.Store(&pair)
	return nil
}

func (c *certificate) config(protocol string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{protocol},
		// What is sent at once leaves in few records, and so in few system calls.
		DynamicRecordSizingDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.present.Load(), nil
		},
	}
}

// listenError adds to why an address cannot be had what to do.
func listenError(addr, flag string, err error) error {
	if isInUse(err) {
		return fmt.Errorf("%s is in use, perhaps by another reddot; stop it, or choose another address with %s (127.0.0.1:0 takes a free one): %w", addr, flag, err)
	}
	return err
}
