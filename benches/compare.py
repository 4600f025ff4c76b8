"""What a decision costs: Envoy's own CPU time for each request, side by side in one Envoy, over mTLS.

One listener a contender, the same server behind, the same requests, one keep-alive connection each, interleaved
rounds. A figure is the CPU time of the Envoy process (the scheduler's clock, /proc/PID/task/*/schedstat) for each request, less that of
the listener without a filter in the same round; the median over the rounds. Machines differ and are noisy: quote the
ratios, not the microseconds.

usage: benches/compare.py ENVOY [REQUESTS-PER-ROUND [ROUNDS]]     (from the repository's root, after `make wasm` and
       `cargo run --example mint_certs -- certs`)
"""

import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

API = "type.googleapis.com/envoy.extensions"
CALLER = "spiffe://cluster.local/ns/agents/sa/support-bot"


def policy(callers: int, grants: int) -> str:
    """A policy that grants `search` to the caller, and fills up with others."""
    entries = {f"spiffe://cluster.local/ns/n{i % 100}/sa/s{i}": [f"t{i}_{j}" for j in range(grants)] for i in range(callers - 1)}
    entries[CALLER] = ["search"] + [f"mine_{j}" for j in range(grants - 1)]
    return json.dumps({"hold": "headers", "limits": {"max_body_bytes": 1 << 20}, "callers": entries})


def toolgate(configuration: str) -> list:
    return [{"name": "mcp_toolgate", "typed_config": {"@type": f"{API}.filters.http.wasm.v3.Wasm", "config": {
        "name": "mcp_toolgate", "failure_policy": "FAIL_RELOAD", "allow_on_headers_stop_iteration": True,
        "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": os.environ.get("MODULE", "dist/mcp_toolgate.wasm")}}},
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration}}}}]


def native() -> list:
    """Envoy's own filters, set so that they are strict: repeated keys and what is no MCP are refused."""
    name = {"filter": "envoy.filters.http.mcp", "path": [{"key": "params"}, {"key": "name"}], "value": {"string_match": {"exact": "search"}}}
    rules = {"action": "ALLOW", "policies": {"grants": {
        "principals": [{"authenticated": {"principal_name": {"exact": CALLER}}}],
        "permissions": [{"sourced_metadata": {"metadata_matcher": name}}]}}}
    return [
        {"name": "envoy.filters.http.mcp", "typed_config": {"@type": f"{API}.filters.http.mcp.v3.Mcp", "traffic_mode": "REJECT_NO_MCP",
            "max_request_body_size": 1 << 20, "reject_duplicate_keys": True}},
        {"name": "envoy.filters.http.rbac", "typed_config": {"@type": f"{API}.filters.http.rbac.v3.RBAC", "rules": rules}}]


def contenders() -> dict:
    found = {"no filter": [], "toolgate": toolgate(policy(1, 1)), "toolgate, 10,000 x 10": toolgate(policy(10_000, 10))}
    found["mcp + rbac"] = native()
    return found


def listener(name: str, filters: list) -> dict:
    file = lambda path: {"filename": f"certs/{path}"}
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{API}.filters.http.router.v3.Router"}}
    routes = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "server"}}]}]}
    tls = {"@type": f"{API}.transport_sockets.tls.v3.DownstreamTlsContext", "require_client_certificate": True,
           "disable_stateless_session_resumption": True, "disable_stateful_session_resumption": True,
           "common_tls_context": {"validation_context": {"trusted_ca": file("ca.pem")},
               "tls_certificates": [{"certificate_chain": file("server.pem"), "private_key": file("server-key.pem")}]}}
    manager = {"@type": f"{API}.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": name,
               "http_filters": filters + [router], "route_config": routes}
    return {"name": name, "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "per_connection_buffer_limit_bytes": (1 << 20) + 65536,
            "filter_chains": [{"transport_socket": {"name": "tls", "typed_config": tls},
                               "filters": [{"name": "http", "typed_config": manager}]}]}


def serve(listening: socket.socket) -> None:
    """An MCP server that says yes, at next to no cost."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 36\r\n\r\n" + b'{"jsonrpc":"2.0","id":1,"result":{}}'

    def connection(peer: socket.socket) -> None:
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                more = peer.recv(1 << 18)
                if not more:
                    return
                buffered += more
            head, rest = buffered.split(b"\r\n\r\n", 1)
            length = int(re.search(rb"content-length: (\d+)", head).group(1))
            while len(rest) < length:
                rest += peer.recv(1 << 18)
            buffered = rest[length:]
            peer.sendall(answer)

    while True:
        peer, _ = listening.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=connection, args=(peer,), daemon=True).start()


class Client:
    def __init__(self, port: int) -> None:
        context = ssl.create_default_context(cafile="certs/ca.pem")
        context.load_cert_chain("certs/support-bot.pem", "certs/support-bot-key.pem")
        plain = socket.create_connection(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = context.wrap_socket(plain, server_hostname="localhost")

    def send(self, request: bytes, count: int) -> None:
        for _ in range(count):
            self.peer.sendall(request)
            answer = self.peer.recv(65536)
            while not answer.endswith(b'"result":{}}'):
                assert b" 200 " in answer.split(b"\r\n", 1)[0] and b'"error"' not in answer, answer
                answer += self.peer.recv(65536)


def body(arguments) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": arguments}},
                      separators=(",", ":")).encode()


def request(text: bytes) -> bytes:
    # The native filter takes a request for MCP only with this `accept`.
    return (b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n"
            b"content-length: %d\r\n\r\n" % len(text)) + text


def small_objects(size: int) -> list:
    one = {"id": 1234567, "name": "a name", "tags": ["x", "y"], "on": True, "at": -1.5e3}
    return [one] * (size // len(json.dumps(one, separators=(",", ":"))))


BODIES = {"200 B": {"q": "x" * 100}, "16 KB, one string": {"q": "x" * 16_000}, "16 KB, small objects": small_objects(16_000),
          "220 KB, small objects": small_objects(220_000)}


def cpu(pid: int) -> float:
    """Seconds of CPU time that a process has used, by the scheduler's own clock."""
    tasks = [f"/proc/{pid}/task/{task}/schedstat" for task in os.listdir(f"/proc/{pid}/task")]
    return sum(int(open(task).read().split()[0]) for task in tasks) / 1e9


def start(envoy: str, folder: str, upstream: int, contenders: dict):
    cluster = {"name": "server", "type": "STATIC", "per_connection_buffer_limit_bytes": 1 << 21, "load_assignment": {"cluster_name": "server", "endpoints": [{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": upstream}}}}]}]}}
    bootstrap = {"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
                 "static_resources": {"listeners": [listener(name, filters) for name, filters in contenders.items()], "clusters": [cluster]}}
    json.dump(bootstrap, open(f"{folder}/envoy.json", "w"))
    process = subprocess.Popen([envoy, "-c", f"{folder}/envoy.json", "--concurrency", "1", "--disable-hot-restart", "--log-level", "error",
                                "--admin-address-path", f"{folder}/admin"], stderr=open(f"{folder}/log", "w"))
    for _ in range(600):
        time.sleep(0.05)
        if process.poll() is not None:
            sys.exit(f"compare: Envoy ended:\n{open(f'{folder}/log').read()}")
        if os.path.exists(f"{folder}/admin") and (ports := listeners(f"{folder}/admin")):
            return process, ports
    sys.exit("compare: Envoy did not start")


def listeners(admin: str) -> dict:
    host, port = open(admin).read().strip().rsplit(":", 1)
    try:
        peer = socket.create_connection((host, int(port)))
        peer.sendall(b"GET /listeners?format=json HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
        text = answer.split(b"\r\n\r\n", 1)[1]
        found = json.loads(text[text.index(b"{"):text.rindex(b"}") + 1]).get("listener_statuses", [])
        return {each["name"]: each["local_address"]["socket_address"]["port_value"] for each in found}
    except (OSError, ValueError):
        return {}


def main() -> None:
    envoy, count, rounds = sys.argv[1], int((sys.argv[2:] or ["1500"])[0]), int((sys.argv[3:] or ["9"])[0])
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=serve, args=(listening,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        found = contenders()
        process, ports = start(envoy, folder, listening.getsockname()[1], found)
        try:
            report(process.pid, {name: Client(ports[name]) for name in found}, count, rounds)
        finally:
            process.kill()
            process.wait()


def report(pid: int, clients: dict, count: int, rounds: int) -> None:
    print(f"added CPU time of Envoy per request, in µs: median of {rounds} rounds of {count} requests (fewer for large bodies)\n")
    names = [name for name in clients if name != "no filter"]
    print(f"{'body':24}" + "".join(f"{name:>24}" for name in names) + f"{'toolgate / native':>20}")
    for title, arguments in BODIES.items():
        text = request(body(arguments))
        times = count if len(text) < 50_000 else max(count // 8, 50)
        added = {name: [] for name in names}
        for each in clients.values():
            each.send(text, 20)
        for _ in range(rounds):
            used = {}
            for name, client in clients.items():
                before = cpu(pid)
                client.send(text, times)
                used[name] = (cpu(pid) - before) / times * 1e6
            for name in names:
                added[name].append(used[name] - used["no filter"])
        medians = {name: statistics.median(values) for name, values in added.items()}
        ratio = medians["toolgate"] / medians["mcp + rbac"]
        print(f"{title:24}" + "".join(f"{medians[name]:24.1f}" for name in names) + f"{ratio:20.2f}", flush=True)


if __name__ == "__main__":
    main()
