"""What gets past Envoy's own `mcp` filter and RBAC, and past this filter, in one Envoy: the table of docs/comparison.md.

Every listener has a rule about two tools: `search` may be called, `delete_all` may not. Each request is one way to call
`delete_all` all the same. A cell is the HTTP status, and `through` where the server got the request; `refused` is this
filter's JSON-RPC refusal, which has status 200.

usage: benches/side_by_side.py ENVOY     (from the repository's root, after `make wasm` and
       `cargo run --example mint_certs -- certs`)
"""

import http.client
import http.server
import json
import ssl
import sys
import tempfile
import threading

from compare import API, policy, start, toolgate

BOTH = "application/json, text/event-stream"
STRICT = {"traffic_mode": "REJECT_NO_MCP", "max_request_body_size": 1 << 20, "reject_duplicate_keys": True}


def native(action: str, tool: str, settings: dict) -> list:
    name = {"filter": "envoy.filters.http.mcp", "path": [{"key": "params"}, {"key": "name"}], "value": {"string_match": {"exact": tool}}}
    rules = {"action": action, "policies": {"rule": {
        "principals": [{"any": True}], "permissions": [{"sourced_metadata": {"metadata_matcher": name}}]}}}
    return [{"name": "envoy.filters.http.mcp", "typed_config": {"@type": f"{API}.filters.http.mcp.v3.Mcp", **settings}},
            {"name": "envoy.filters.http.rbac", "typed_config": {"@type": f"{API}.filters.http.rbac.v3.RBAC", "rules": rules}}]


CONTENDERS = {
    "default, DENY": native("DENY", "delete_all", {}),
    "default, ALLOW": native("ALLOW", "search", {}),
    "strict, DENY": native("DENY", "delete_all", STRICT),
    "strict, ALLOW": native("ALLOW", "search", STRICT),
    "mcp-toolgate": toolgate(policy(1, 1)),
}


def call(params: str) -> str:
    return '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{' + params + "}}"


LONG = '"arguments":{"q":"' + "x" * 9000 + '"}'
REQUESTS = {
    "search (control)": (call('"name":"search","arguments":{}'), BOTH),
    "delete_all": (call('"name":"delete_all","arguments":{}'), BOTH),
    "delete_all, with 9 KB of arguments before the name": (call(LONG + ',"name":"delete_all"'), BOTH),
    "delete_all, `accept: application/json` alone": (call('"name":"delete_all","arguments":{}'), "application/json"),
    "delete_all in a batch": ("[" + call('"name":"delete_all","arguments":{}') + "]", BOTH),
    "delete_all, then search as a second name": (call('"name":"delete_all","name":"search","arguments":{}'), BOTH),
    "search, 9 KB of arguments, then delete_all as a second name": (call('"name":"search",' + LONG + ',"name":"delete_all"'), BOTH),
}


class Server(http.server.BaseHTTPRequestHandler):
    """Says yes, and counts."""
    protocol_version = "HTTP/1.1"
    reached = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        Server.reached += 1
        answer = b'{"jsonrpc":"2.0","id":1,"result":{}}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_) -> None:
        pass


def outcome(port: int, text: str, accept: str) -> str:
    context = ssl.create_default_context(cafile="certs/ca.pem")
    context.load_cert_chain("certs/support-bot.pem", "certs/support-bot-key.pem")
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
    before = Server.reached
    connection.request("POST", "/mcp", text, {"content-type": "application/json", "accept": accept})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if Server.reached > before:
        return "through"
    return "refused" if answer.status == 200 and b'"error"' in content else str(answer.status)


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        process, ports = start(sys.argv[1], folder, server.server_address[1], CONTENDERS)
        try:
            print("| request | " + " | ".join(CONTENDERS) + " |\n|" + "---|" * (len(CONTENDERS) + 1))
            for title, (text, accept) in REQUESTS.items():
                cells = [outcome(ports[name], text, accept) for name in CONTENDERS]
                print(f"| {title} | " + " | ".join(cells) + " |")
        finally:
            process.kill()
            process.wait()


main()
