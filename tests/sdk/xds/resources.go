package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

const node = "everyone"

// everyone is sent the same.
type everyone struct{}

func (everyone) ID(*core.Node) string { return node }

// publish sends what lies in the folder, if that is another text than the one of this hash. It gives the hash of what
// is sent now.
func publish(snapshots cache.SnapshotCache, folder, sent string) (string, error) {
	// A link that is replaced meanwhile must not mix two sets.
	current, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return sent, err
	}
	paths, err := filepath.Glob(filepath.Join(current, "*.json"))
	if err != nil {
		return sent, err
	}
	hash := sha256.New()
	var texts [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return sent, err
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(path), len(text), text)
		texts = append(texts, text)
	}
	version := hex.EncodeToString(hash.Sum(nil))
	if version == sent {
		return sent, nil
	}
	resources, err := read(texts)
	if err != nil {
		return sent, err
	}
	snapshot, err := cache.NewSnapshot(version, resources)
	if err != nil {
		return sent, err
	}
	return version, snapshots.SetSnapshot(context.Background(), node, snapshot)
}

func read(texts [][]byte) (map[resource.Type][]types.Resource, error) {
	resources := map[resource.Type][]types.Resource{}
	for _, text := range texts {
		var holder anypb.Any
		if err := protojson.Unmarshal(text, &holder); err != nil {
			return nil, err
		}
		message, err := holder.UnmarshalNew()
		if err != nil {
			return nil, err
		}
		switch message.(type) {
		case *core.TypedExtensionConfig:
			resources[resource.ExtensionConfigType] = append(resources[resource.ExtensionConfigType], message)
		case *tls.Secret:
			resources[resource.SecretType] = append(resources[resource.SecretType], message)
		default:
			return nil, fmt.Errorf("%s is not sent here", holder.TypeUrl)
		}
	}
	return resources, nil
}
