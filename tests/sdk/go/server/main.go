// The ticket desk on the MCP SDK for Go: protocol versions up to 2026-07-28, and HTTP+SSE. Whatever really runs leaves
// its name as a line in the log.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const handbook = "desk://handbook"

type search struct {
	Query string `json:"query"`
}

type ticket struct {
	Ticket string `json:"ticket"`
}

type refund struct {
	Ticket string `json:"ticket"`
	Amount int    `json:"amount"`
}

// A desk is the server, and the file in which it writes down what ran.
type desk struct {
	*mcp.Server
	ran *os.File
}

func newDesk(path string) *desk {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	d := &desk{ran: file}
	d.Server = mcp.NewServer(&mcp.Implementation{Name: "ticket-desk", Version: "1"}, &mcp.ServerOptions{
		SubscribeHandler: func(_ context.Context, request *mcp.SubscribeRequest) error {
			d.note("subscribe " + request.Params.URI)
			return nil
		},
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	return d
}

func (d *desk) note(name string) {
	if _, err := d.ran.WriteString(name + "\n"); err != nil {
		log.Fatal(err)
	}
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

func tool[In any](d *desk, name, description string, run func(context.Context, *mcp.CallToolRequest, In) *mcp.CallToolResult) {
	handler := func(ctx context.Context, request *mcp.CallToolRequest, given In) (*mcp.CallToolResult, any, error) {
		result := run(ctx, request, given)
		if result.InputRequests == nil {
			d.note(name)
		}
		return result, nil, nil
	}
	mcp.AddTool(d.Server, &mcp.Tool{Name: name, Description: description}, handler)
}

func (d *desk) addTools() {
	tool(d, "search_tickets", "Find tickets.", func(_ context.Context, _ *mcp.CallToolRequest, in search) *mcp.CallToolResult {
		return said("T-1 mentions " + in.Query)
	})
	tool(d, "read_ticket", "Read one ticket; the handbook counts the readers.", func(ctx context.Context, _ *mcp.CallToolRequest, in ticket) *mcp.CallToolResult {
		if err := d.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: handbook}); err != nil {
			log.Print(err)
		}
		return said(in.Ticket + ": the parcel came late")
	})
	tool(d, "create_refund", "Pay money back.", func(context.Context, *mcp.CallToolRequest, refund) *mcp.CallToolResult {
		return said("refunded")
	})
	tool(d, "delete_all", "Delete every ticket.", func(context.Context, *mcp.CallToolRequest, struct{}) *mcp.CallToolResult {
		return said("all tickets are gone")
	})
	// In the older era the SDK makes an elicitation of it, and calls again.
	tool(d, "close_ticket", "Close a ticket, once the user has confirmed it.", func(_ context.Context, request *mcp.CallToolRequest, in ticket) *mcp.CallToolResult {
		if answer, ok := request.Params.InputResponses["sure"].(*mcp.ElicitResult); ok {
			return said(in.Ticket + ": " + answer.Action)
		}
		question := &mcp.ElicitParams{Message: "Close " + in.Ticket + "?", RequestedSchema: &jsonschema.Schema{
			Type:       "object",
			Properties: map[string]*jsonschema.Schema{"sure": {Type: "boolean"}},
			Required:   []string{"sure"},
		}}
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"sure": question}}
	})
}

func (d *desk) addPrompt(name, argument string) {
	prompt := &mcp.Prompt{Name: name, Arguments: []*mcp.PromptArgument{{Name: argument, Required: true}}}
	d.AddPrompt(prompt, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		d.note(name)
		message := &mcp.PromptMessage{Role: "user", Content: &mcp.TextContent{Text: "Write a letter."}}
		return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{message}}, nil
	})
}

func (d *desk) addResource(name, uri, text string) {
	d.AddResource(&mcp.Resource{Name: name, URI: uri}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		d.note(uri)
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: uri, Text: text}}}, nil
	})
}

func main() {
	port := flag.String("port", "", "where to listen")
	path := flag.String("log", "", "one line is appended for all that ran")
	flag.Parse()
	d := newDesk(*path)
	d.addTools()
	d.addPrompt("refund_letter", "ticket")
	d.addPrompt("dismissal_letter", "name")
	d.addResource("handbook", handbook, "Be kind, and check the amount twice.")
	d.addResource("salaries", "desk://salaries", "Too little.")

	server := func(*http.Request) *mcp.Server { return d.Server }
	// Versions up to 2025-11-25 with sessions; the SDK serves 2026-07-28 only by a handler that has none.
	sessions := mcp.NewStreamableHTTPHandler(server, nil)
	stateless := mcp.NewStreamableHTTPHandler(server, &mcp.StreamableHTTPOptions{Stateless: true})
	http.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("MCP-Protocol-Version") >= "2026-07-28" {
			stateless.ServeHTTP(w, r)
		} else {
			sessions.ServeHTTP(w, r)
		}
	})
	http.Handle("/sse", mcp.NewSSEHandler(server, nil))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+*port, nil))
}
