// A whole session of the MCP SDK for Go, in either era, with refusals in between: one JSON line for each step.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	handbook = "desk://handbook"
	salaries = "desk://salaries"
	patience = 10 * time.Second
)

var (
	url  = flag.String("url", "", "where the server is")
	ca   = flag.String("ca", "", "whom to trust")
	cert = flag.String("cert", "", "the caller's certificate")
	key  = flag.String("key", "", "its key")
	mode = flag.String("mode", "", "a protocol version, auto, or sse for HTTP+SSE")
)

// A wire is an HTTP client over mTLS that remembers what was asked and answered.
type wire struct {
	http.RoundTripper
	mu        sync.Mutex
	exchanges []string
}

func newWire() *wire {
	trusted, err := os.ReadFile(*ca)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return &wire{RoundTripper: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
}

func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := w.RoundTripper.RoundTrip(request)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.exchanges = append(w.exchanges, fmt.Sprintf("%s %d", request.Method, response.StatusCode))
	}
	return response, err
}

func step(name string, ok bool, detail any) {
	line, err := json.Marshal(map[string]any{"step": name, "ok": ok, "detail": detail})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

// A desk is the SDK's client in the words of a session.
type desk struct {
	*mcp.ClientSession
	updated chan string
}

type call func(context.Context) (any, error)

func outcome(c call) any {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	result, err := c(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer"
	}
	if err != nil {
		return describe(err)
	}
	return result
}

var rawRefusal = regexp.MustCompile(`"mcp_toolgate":\{"reason":"(\w+)"`)

// describe gives a JSON-RPC error by its code and the filter's reason, any other by its text.
func describe(err error) string {
	var rpc *jsonrpc.Error
	if errors.Is(err, mcp.ErrConnectionClosed) {
		return "connection closed"
	}
	if *mode == "sse" && strings.HasSuffix(err.Error(), "403 Forbidden") {
		return "the text of HTTP 403"
	}
	if strings.HasSuffix(err.Error(), "Forbidden") {
		return "connection closed by HTTP 403"
	}
	if !errors.As(err, &rpc) {
		if raw := rawRefusal.FindStringSubmatch(err.Error()); raw != nil {
			return "the text of the answer, " + raw[1]
		}
		return err.Error()
	}
	var data struct {
		Toolgate struct {
			Reason string `json:"reason"`
		} `json:"mcp_toolgate"`
	}
	if json.Unmarshal(rpc.Data, &data) == nil && data.Toolgate.Reason != "" {
		return fmt.Sprintf("%d %s", rpc.Code, data.Toolgate.Reason)
	}
	return fmt.Sprintf("%d %s", rpc.Code, rpc.Message)
}

func works(name string, expected any, c call) {
	said := outcome(c)
	step(name, reflect.DeepEqual(said, expected), said)
}

func (d *desk) refused(name, reason string, c func(*desk) call) {
	var said any
	if *mode != "sse" {
		said = outcome(c(d))
	} else {
		// Over HTTP+SSE a refusal may be the end of a session: it gets one of its own, and a granted call after it.
		other, err := open(newWire())
		if err != nil {
			log.Fatal(err)
		}
		said = fmt.Sprintf("%v; then: %v", outcome(c(other)), outcome(other.granted))
	}
	step(name, said == "403 "+reason, said)
}

func (d *desk) granted(ctx context.Context) (any, error) {
	return d.tool("search_tickets", map[string]any{"query": "late"})(ctx)
}

func (d *desk) tool(name string, arguments map[string]any) call {
	return func(ctx context.Context) (any, error) {
		result, err := d.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
		if err != nil {
			return nil, err
		}
		return result.Content[0].(*mcp.TextContent).Text, nil
	}
}

func (d *desk) tools(ctx context.Context) (any, error) {
	result, err := d.ListTools(ctx, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, tool := range result.Tools {
		names = append(names, tool.Name)
	}
	slices.Sort(names)
	return names, nil
}

func (d *desk) prompts(ctx context.Context) (any, error) {
	result, err := d.ListPrompts(ctx, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, prompt := range result.Prompts {
		names = append(names, prompt.Name)
	}
	return names, nil
}

func (d *desk) prompt(name, argument string) call {
	return func(ctx context.Context) (any, error) {
		result, err := d.GetPrompt(ctx, &mcp.GetPromptParams{Name: name, Arguments: map[string]string{argument: "T-1"}})
		if err != nil {
			return nil, err
		}
		return string(result.Messages[0].Role), nil
	}
}

func (d *desk) resources(ctx context.Context) (any, error) {
	result, err := d.ListResources(ctx, nil)
	if err != nil {
		return nil, err
	}
	var uris []string
	for _, resource := range result.Resources {
		uris = append(uris, resource.URI)
	}
	return uris, nil
}

func (d *desk) read(uri string) call {
	return func(ctx context.Context) (any, error) {
		result, err := d.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
		if err != nil {
			return nil, err
		}
		return result.Contents[0].Text, nil
	}
}

// subscribe is resources/subscribe in the older era, and subscriptions/listen from 2026-07-28 on.
func (d *desk) subscribe(uri string) call {
	return func(ctx context.Context) (any, error) {
		return "subscribed", d.Subscribe(ctx, &mcp.SubscribeParams{URI: uri})
	}
}

func (d *desk) hearsOf(uri string) call {
	return func(ctx context.Context) (any, error) {
		if _, err := d.subscribe(uri)(ctx); err != nil {
			return nil, err
		}
		if _, err := d.tool("read_ticket", map[string]any{"ticket": "T-1"})(ctx); err != nil {
			return nil, err
		}
		select {
		case heard := <-d.updated:
			return heard, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (d *desk) session() {
	works("list_tools", []string{"close_ticket", "read_ticket", "search_tickets"}, d.tools)
	works("granted_call", "T-1 mentions late", d.granted)
	d.refused("refused_call", "tool_not_granted", func(d *desk) call {
		return d.tool("create_refund", map[string]any{"ticket": "T-1", "amount": 50})
	})
	works("granted_again", "T-1 mentions late", d.granted)
	works("list_prompts", []string{"refund_letter"}, d.prompts)
	works("get_prompt", "user", d.prompt("refund_letter", "ticket"))
	d.refused("refused_prompt", "prompt_not_granted", func(d *desk) call { return d.prompt("dismissal_letter", "name") })
	works("list_resources", []string{handbook}, d.resources)
	works("read_resource", "Be kind, and check the amount twice.", d.read(handbook))
	d.refused("refused_resource", "resource_not_granted", func(d *desk) call { return d.read(salaries) })
	works("subscribe", handbook, d.hearsOf(handbook))
	d.refused("refused_subscribe", "resource_not_granted", func(d *desk) call { return d.subscribe(salaries) })
	works("ask_user", "T-1: accept", d.tool("close_ticket", map[string]any{"ticket": "T-1"}))
	d.refused("refused_last", "tool_not_granted", func(d *desk) call { return d.tool("delete_all", map[string]any{}) })
	works("granted_last", "T-1 mentions late", d.granted)
}

// open connects a desk over this wire.
func open(wire *wire) (*desk, error) {
	http := &http.Client{Transport: wire}
	updated := make(chan string, 16)
	client := mcp.NewClient(&mcp.Implementation{Name: "client_go", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"sure": true}}, nil
		},
		ResourceUpdatedHandler: func(_ context.Context, request *mcp.ResourceUpdatedNotificationRequest) {
			updated <- request.Params.URI
		},
	})
	var transport mcp.Transport = &mcp.StreamableClientTransport{Endpoint: *url, HTTPClient: http, MaxRetries: -1}
	options := &mcp.ClientSessionOptions{ProtocolVersion: *mode}
	switch *mode {
	case "sse":
		transport = &mcp.SSEClientTransport{Endpoint: *url, HTTPClient: http}
		options.ProtocolVersion = "2024-11-05"
	case "auto":
		options = nil
	}
	session, err := client.Connect(context.Background(), transport, options)
	return &desk{ClientSession: session, updated: updated}, err
}

func main() {
	flag.Parse()
	wire := newWire()
	desk, err := open(wire)
	if err != nil {
		step("failed", false, describe(err))
		return
	}
	protocol := desk.InitializeResult().ProtocolVersion
	step("connect", true, protocol)
	desk.session()
	if err := desk.Close(); err != nil {
		step("failed", false, describe(err))
		return
	}
	// Neither the modern era nor HTTP+SSE has sessions to end.
	sessionless := *mode == "sse" || protocol >= "2026-07-28"
	ended := slices.ContainsFunc(wire.exchanges, func(it string) bool { return strings.HasPrefix(it, "DELETE 2") })
	step("end", sessionless || ended, wire.exchanges)
}
