// Command xds sends an Envoy what lies in a folder, as a control plane and an agent do: configurations of filters (ECDS)
// over the aggregated service, secrets (SDS) over a service of their own. Each file is one resource in JSON, and is sent
// again when the folder holds another text. It ends with its standard input.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net"
	"os"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	extension "github.com/envoyproxy/go-control-plane/envoy/service/extension/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
)

const poll = 50 * time.Millisecond

func main() {
	socket := flag.String("socket", "", "the Unix socket to serve on")
	folder := flag.String("folder", "", "the folder of the resources; may be a link that is replaced")
	flag.Parse()
	if err := run(*socket, *folder); err != nil {
		log.Fatalf("xds: %v", err)
	}
}

func run(socket, folder string) error {
	snapshots := cache.NewSnapshotCache(false, everyone{}, nil)
	sent, err := publish(snapshots, folder, "")
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	service := server.NewServer(context.Background(), snapshots, nil)
	host := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(host, service)
	extension.RegisterExtensionConfigDiscoveryServiceServer(host, service)
	secret.RegisterSecretDiscoveryServiceServer(host, service)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		host.Stop()
	}()
	go watch(snapshots, folder, sent)
	return host.Serve(listener)
}

// watch publishes what lies in the folder whenever that differs from what was sent.
func watch(snapshots cache.SnapshotCache, folder, sent string) {
	for range time.Tick(poll) {
		now, err := publish(snapshots, folder, sent)
		if err != nil {
			log.Printf("xds: %v", err)
			continue
		}
		sent = now
	}
}
