// Command pull pulls an image with the code that Istio's agent pulls modules with.
//
// usage: pull IMAGE FILE: writes the module to FILE, and the digest that a WasmPlugin's sha256 is held against to
// FILE.digest
package main

import (
	"context"
	"fmt"
	"os"

	"istio.io/istio/pkg/wasm"
)

func main() {
	if err := pull(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func pull(image, file string) error {
	fetch, digest, err := wasm.NewImageFetcher(context.Background(), wasm.ImageFetcherOption{}).PrepareFetch(image)
	if err != nil {
		return err
	}
	module, err := fetch()
	if err != nil {
		return err
	}
	// The agent logs on the same stream: a file keeps the two apart.
	if err := os.WriteFile(file+".digest", []byte(digest), 0o644); err != nil {
		return err
	}
	return os.WriteFile(file, module, 0o644)
}
