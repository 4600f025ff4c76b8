//go:build pins

// Package main names here the modules whose files, not whose code, are used: `go mod tidy` keeps what is imported.
package main

import (
	_ "istio.io/api-newest/label"
	_ "istio.io/api-oldest/label"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
