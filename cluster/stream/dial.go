package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"reddot/cluster/wire"
)

// clientConn is the end of a stream that this node has opened.
type clientConn struct {
	cs     grpc.ClientStream
	conn   *grpc.ClientConn
	cancel context.CancelFunc
}

// Send implements Conn.
func (s *clientConn) Send(b *wire.Batch) error { return s.cs.SendMsg(b) }

// Recv implements Conn.
func (s *clientConn) Recv(b *wire.Batch) error { return s.cs.RecvMsg(b) }

// Close implements Conn.
func (s *clientConn) Close() { s.cancel(); _ = s.conn.Close() }

// Dial opens a stream to a node.
func Dial(ctx context.Context, addr string, conf *tls.Config, connect func(ctx context.Context, addr string) (net.Conn, error)) (Conn, error) {
	creds := insecure.NewCredentials()
	if conf != nil {
		creds = credentials.NewTLS(conf)
	}
	// It is dialed by hand: gRPC would wait and try again where we want to
	// know at once, and would not tell a refusal from silence.
	dialing, cancel := context.WithTimeout(ctx, DialTimeout)
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
	late := time.AfterFunc(DialTimeout, end)
	cs, err := conn.NewStream(streaming, &streamDesc, streamFullURL)
	if err == nil && !late.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		end()
		return nil, errors.Join(err, conn.Close(), raw.Close())
	}
	return &clientConn{cs, conn, end}, nil
}
