package stream

import (
	"crypto/tls"
	"errors"
	"net"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	peerinfo "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"reddot/cluster/wire"
)

// A ServerConfig says what a server does with the streams that other nodes open.
type ServerConfig struct {
	TLS *tls.Config // nil: plain text
	// Serve has a stream until it returns.
	Serve func(Conn) error
	// Refused is told of each connection that was ended since it is a stranger's.
	Refused func()
	// Panicked is told that Serve panicked. The stream has ended.
	Panicked func(reason any, stack []byte)
	// Patience is for how long a connection may be a stranger's. Zero: 6 s.
	Patience time.Duration
}

// A Server takes the streams that other nodes open.
type Server struct {
	listener *listener
	grpc     *grpc.Server
}

// NewServer returns a server on a listener; Serve lets it work.
func NewServer(ln net.Listener, cfg ServerConfig) *Server {
	if cfg.Patience == 0 {
		cfg.Patience = strangerTime
	}
	creds := insecure.NewCredentials()
	if cfg.TLS != nil {
		creds = credentials.NewTLS(cfg.TLS)
	}
	s := &Server{listener: &listener{Listener: ln, patience: cfg.Patience, refused: cfg.Refused}}
	s.grpc = grpc.NewServer(
		grpc.Creds(creds), grpc.ForceServerCodec(codec{}), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(4), grpc.ConnectionTimeout(HelloTimeout),
		grpc.InitialWindowSize(connWindow), grpc.InitialConnWindowSize(connWindow),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: idlePing, Timeout: pingTimeout, MaxConnectionIdle: maxIdle}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: idlePing / 2, PermitWithoutStream: true}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
			defer func() {
				if reason := recover(); reason != nil {
					cfg.Panicked(reason, debug.Stack())
					err = status.Error(codes.Internal, "panic")
				}
			}()
			return next(srv, ss)
		}),
	)
	desc := streamDesc
	desc.Handler = func(_ any, ss grpc.ServerStream) error { return cfg.Serve(serverConn{ss}) }
	s.grpc.RegisterService(&grpc.ServiceDesc{ServiceName: serviceName, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{desc}}, nil)
	return s
}

// Serve takes streams until Stop. An error says why it can't go on.
func (s *Server) Serve() error {
	if err := s.grpc.Serve(s.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Stop ends the server and all of its streams.
func (s *Server) Stop() { s.grpc.Stop() }

// serverConn is the end of a stream that another node has opened. The return
// of its handler closes it.
type serverConn struct{ ss grpc.ServerStream }

// Send implements Conn.
func (s serverConn) Send(b *wire.Batch) error { return s.ss.SendMsg(b) }

// Recv implements Conn.
func (s serverConn) Recv(b *wire.Batch) error { return s.ss.RecvMsg(b) }

// Close implements Conn.
func (s serverConn) Close() {}

// Introduced says that a peer is who it says: its connection is no stranger's.
func Introduced(c Conn) {
	in, ok := c.(serverConn)
	if !ok {
		return
	}
	p, ok := peerinfo.FromContext(in.ss.Context())
	if !ok {
		return
	}
	if a, ok := p.Addr.(strangerAddr); ok {
		a.stranger.listener.forget(a.stranger)
	}
}
