package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync/atomic"
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

// The wire between nodes: one gRPC stream of batches for each pair of them.
//
// protoactor's remote is not used, for reasons that no setting cures. Its Start
// replaces gRPC's logger, a variable of the whole process, while other nodes of
// the process use it, so that nodes can't be tested side by side under the race
// detector. A batch that it fails to send is gone without a word to anybody, and
// so is all that is sent until the endpoint is found dead. Its queues have no
// bound, its writer sleeps two seconds after each refused connection, and a send
// waits for a supervisor, while ours must not block.

// The settings of gRPC.
const (
	maxMessage    = 64 << 20
	connWindow    = 8 << 20
	idlePing      = 10 * time.Second
	pingTimeout   = 5 * time.Second
	maxIdle       = 10 * time.Second // of a connection whose stream is over
	dialTimeout   = 2 * time.Second
	helloTimeout  = 3 * time.Second
	serviceName   = "reddot.Peers"
	streamName    = "Link"
	streamFullURL = "/" + serviceName + "/" + streamName
)

// codec encodes batches with the generated code, without reflection.
type codec struct{}

// Marshal implements encoding.Codec.
func (codec) Marshal(v any) ([]byte, error) {
	b, ok := v.(*wire.Batch)
	if !ok {
		return nil, fmt.Errorf("%T is no batch", v)
	}
	return b.MarshalVT()
}

// Unmarshal implements encoding.Codec.
func (codec) Unmarshal(data []byte, v any) error {
	b, ok := v.(*wire.Batch)
	if !ok {
		return fmt.Errorf("%T is no batch", v)
	}
	return b.UnmarshalVT(data)
}

// Name implements encoding.Codec.
func (codec) Name() string { return "reddot" }

// linkDesc describes the one stream.
var linkDesc = grpc.StreamDesc{StreamName: streamName, ServerStreams: true, ClientStreams: true}

// newServer returns the gRPC server that hands each stream to serve, which
// returns when the stream is over.
func newServer(conf *tls.Config, serve func(stream) error, panicked func(reason any, stack []byte)) *grpc.Server {
	creds := insecure.NewCredentials()
	if conf != nil {
		creds = credentials.NewTLS(conf)
	}
	s := grpc.NewServer(
		grpc.Creds(creds), grpc.ForceServerCodec(codec{}), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(4), grpc.ConnectionTimeout(helloTimeout),
		grpc.InitialWindowSize(connWindow), grpc.InitialConnWindowSize(connWindow),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: idlePing, Timeout: pingTimeout, MaxConnectionIdle: maxIdle}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: idlePing / 2, PermitWithoutStream: true}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
			defer func() {
				if reason := recover(); reason != nil {
					panicked(reason, debug.Stack())
					err = status.Error(codes.Internal, "panic")
				}
			}()
			return next(srv, ss)
		}),
	)
	desc := linkDesc
	desc.Handler = func(_ any, ss grpc.ServerStream) error { return serve(serverStream{ss}) }
	s.RegisterService(&grpc.ServiceDesc{ServiceName: serviceName, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{desc}}, nil)
	return s
}

// serverStream is the end of a stream that another node has opened. The return
// of its handler closes it.
type serverStream struct{ ss grpc.ServerStream }

// Send implements stream.
func (s serverStream) Send(b *wire.Batch) error { return s.ss.SendMsg(b) }

// Recv implements stream.
func (s serverStream) Recv(b *wire.Batch) error { return s.ss.RecvMsg(b) }

// Close implements stream.
func (s serverStream) Close() {}

// introduced says that the peer is who it says: its connection is a link.
func (s serverStream) introduced() {
	p, ok := peerinfo.FromContext(s.ss.Context())
	if !ok {
		return
	}
	if a, ok := p.Addr.(strangerAddr); ok {
		a.stranger.entry.forget(a.stranger)
	}
}

// clientStream is the end of a stream that this node has opened.
type clientStream struct {
	cs     grpc.ClientStream
	conn   *grpc.ClientConn
	cancel context.CancelFunc
}

// Send implements stream.
func (s *clientStream) Send(b *wire.Batch) error { return s.cs.SendMsg(b) }

// Recv implements stream.
func (s *clientStream) Recv(b *wire.Batch) error { return s.cs.RecvMsg(b) }

// Close implements stream.
func (s *clientStream) Close() { s.cancel(); _ = s.conn.Close() }

// dial opens a stream to a peer.
func dial(ctx context.Context, addr string, conf *tls.Config, connect func(ctx context.Context, addr string) (net.Conn, error)) (stream, error) {
	creds := insecure.NewCredentials()
	if conf != nil {
		creds = credentials.NewTLS(conf)
	}
	// It is dialed by hand: gRPC would wait and try again where we want to
	// know at once, and would not tell a refusal from silence.
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	raw, err := connect(dialing, addr)
	cancel()
	if err != nil {
		return nil, err
	}
	var used atomic.Bool
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{}), grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithInitialWindowSize(connWindow), grpc.WithInitialConnWindowSize(connWindow),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: idlePing, Timeout: pingTimeout, PermitWithoutStream: true}),
		grpc.WithNoProxy(), grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if used.Swap(true) {
				return nil, errors.New("a link is not dialed again")
			}
			return raw, nil
		}))
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	streaming, end := context.WithCancel(context.Background())
	late := time.AfterFunc(dialTimeout, end)
	cs, err := conn.NewStream(streaming, &linkDesc, streamFullURL)
	if err == nil && !late.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		end()
		return nil, errors.Join(err, conn.Close(), raw.Close())
	}
	return &clientStream{cs, conn, end}, nil
}
