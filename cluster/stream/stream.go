package stream

import (
	"time"

	"google.golang.org/grpc"

	"reddot/cluster/wire"
)

// A Conn is one connection to another node that carries batches both ways.
type Conn interface {
	Send(*wire.Batch) error
	Recv(*wire.Batch) error
	Close() // ends Send and Recv
}

// How long the other side may take.
const (
	DialTimeout  = 2 * time.Second // to take a connection
	HelloTimeout = 3 * time.Second // to say hello on it
)

// The settings of gRPC.
const (
	maxMessage    = 64 << 20
	connWindow    = 8 << 20
	idlePing      = 10 * time.Second
	pingTimeout   = 5 * time.Second
	maxIdle       = 10 * time.Second // of a connection whose stream is over
	serviceName   = "reddot.Peers"
	streamName    = "Link"
	streamFullURL = "/" + serviceName + "/" + streamName
)

// streamDesc describes the one stream.
var streamDesc = grpc.StreamDesc{StreamName: streamName, ServerStreams: true, ClientStreams: true}
