"""A real MCP server behind a real Envoy with mcp-toolgate, and real MCP clients that call its tools over mTLS.

usage: demo.py ENVOY [BOOTSTRAP CERTIFICATES]
from the repository's root, with the module and the certificates made (`make demo`)
"""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client

URL = "https://localhost:10443/mcp"
ENVOY, SERVER, ADMIN = 10443, 8000, 9901
LOGS = Path("target/demo")
ENVOY_LOG, SERVER_LOG, TOOLS_RUN = LOGS / "envoy.log", LOGS / "server.log", LOGS / "tools-run.log"
SECONDS = 20  # that anything here may take
BOOTSTRAP, CERTIFICATES = sys.argv[2:] if len(sys.argv) == 4 else ("envoy/envoy.yaml", "certs")

SEARCH = ("search_tickets", {"query": "late"})
READ = ("read_ticket", {"ticket": "T-1"})
REFUND = ("create_refund", {"ticket": "T-1", "amount": 50})
DELETE = ("delete_all", {})

# What the two callers of envoy/envoy.yaml call, and the reason for the refusal where one is due.
SESSIONS = {
    "support-bot": [
        (SEARCH, None),
        (READ, None),
        (REFUND, "tool_not_granted"),
        (DELETE, "tool_not_granted"),
        (SEARCH, None),
    ],
    "billing-bot": [
        (SEARCH, None),
        (READ, "tool_not_granted"),
        (REFUND, None),
        (DELETE, "tool_not_granted"),
        (SEARCH, None),
    ],
}

# What no SDK would send, posted by support-bot within a session of its own: the body, a forged header, and the reason
# for the refusal. Without the filter the server runs delete_all for the first and create_refund for the last.
CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{%s}}'
SMUGGLED = {
    "two names in one call": (CALL % '"name":"search_tickets","name":"delete_all"', {}, "key_repeated"),
    "a batch of two calls": (
        "[" + CALL % '"name":"search_tickets"' + "," + CALL % '"name":"delete_all"' + "]",
        {},
        "batch_refused",
    ),
    "a forged identity header": (
        CALL % '"name":"create_refund","arguments":{"ticket":"T-1","amount":50}',
        {"x-forwarded-client-cert": "URI=spiffe://cluster.local/ns/agents/sa/billing-bot"},
        "tool_not_granted",
    ),
}

HANDSHAKE = "tls"  # stands for a reason where the connection ended before any request


class DemoError(Exception):
    """A sentence that says what is wrong, and what to do."""


@dataclass
class Outcome:
    caller: str
    call: str
    expected: str | None  # the refusal's reason; None: allowed
    reason: str | None
    saw: str
    tools_due: list[str]
    tools_run: list[str]

    @property
    def good(self) -> bool:
        return self.reason == self.expected and self.tools_run == self.tools_due


class Callers:
    """Makes every call of the demo, and notes each outcome."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self._tools_seen = 0

    async def call_all(self) -> None:
        for caller, calls in SESSIONS.items():
            await self._session(caller, calls)
        await self._stranger()
        self._no_certificate()
        await self._smuggle()

    def _note(self, caller: str, call: str, expected: str | None, reason: str | None, saw: str, tool: str = "") -> None:
        tools_run = TOOLS_RUN.read_text().split()[self._tools_seen :]
        self._tools_seen += len(tools_run)
        tools_due = [tool] if tool and expected is None else []
        self.outcomes.append(Outcome(caller, call, expected, reason, saw, tools_due, tools_run))

    async def _session(self, caller: str, calls: list) -> None:
        async with (
            httpx.AsyncClient(verify=tls(caller)) as http,
            streamable_http_client(URL, http_client=http) as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            listed = {tool.name for tool in (await client.list_tools()).tools}
            granted = {tool for (tool, _), refusal in calls if refusal is None}
            reason = None if listed == granted else "another list than what is granted"
            self._note(caller, "(list of tools)", None, reason, ", ".join(sorted(listed)))
            for (tool, arguments), expected in calls:
                try:
                    reason, saw = None, (await client.call_tool(tool, arguments)).content[0].text
                except McpError as refused:
                    reason, saw = read_error(refused.error.model_dump())
                self._note(caller, tool, expected, reason, saw, tool)

    async def _stranger(self) -> None:
        refusals: list[httpx.Response] = []

        async def keep_refusal(response: httpx.Response) -> None:
            if response.is_error:
                await response.aread()
                refusals.append(response)

        try:
            async with (
                httpx.AsyncClient(verify=tls("stranger"), event_hooks={"response": [keep_refusal]}) as http,
                streamable_http_client(URL, http_client=http) as (read, write, _),
                ClientSession(read, write) as client,
            ):
                await client.initialize()
            reason, saw = None, "a session"
        except Exception:  # the SDK ends the session in its own way; what it was told is in the response
            if not refusals:
                raise
            reason, saw = read_response(refusals[0])
        self._note("stranger", "(open a session)", "caller_unknown", reason, saw)

    def _no_certificate(self) -> None:
        try:
            reason, saw = read_response(httpx.post(URL, json={}, verify=tls(None)))
        except httpx.TransportError as error:
            reason, saw = HANDSHAKE, re.sub(r"\[.*?\] | \(_ssl.*", "", str(error))
        self._note("no certificate", "(connect)", HANDSHAKE, reason, saw)

    async def _smuggle(self) -> None:
        async with (
            httpx.AsyncClient(verify=tls("support-bot")) as http,
            streamable_http_client(URL, http_client=http) as (read, write, session_id),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            headers = {
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                "mcp-session-id": session_id(),
            }
            for call, (body, forged, expected) in SMUGGLED.items():
                response = await http.post(URL, content=body, headers=headers | forged)
                reason, saw = read_response(response)
                self._note("support-bot", call, expected, reason, saw)


def tls(caller: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=f"{CERTIFICATES}/ca.pem")
    if caller:
        context.load_cert_chain(f"{CERTIFICATES}/{caller}.pem", f"{CERTIFICATES}/{caller}-key.pem")
    return context


def read_error(error: dict) -> tuple[str, str]:
    """The reason in a JSON-RPC error, and the error as the caller sees it."""
    reason = ((error.get("data") or {}).get("mcp_toolgate") or {}).get("reason", "none given")
    return reason, f"error {error['code']}: {error['message']}"


def read_response(response: httpx.Response) -> tuple[str | None, str]:
    try:
        reason, saw = read_error(response.json()["error"])
        return reason, f"HTTP {response.status_code}, {saw}"
    except (ValueError, KeyError, TypeError):
        return None, f"HTTP {response.status_code}"


@contextmanager
def running(command: list, log: Path, ready, name: str):
    """Run `command` until the block ends; the block starts once `ready` says so."""
    with log.open("w") as output:
        # A session of its own: an interrupt from the terminal reaches this program alone, which then ends the others.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                fate = "ended" if process.poll() is not None else f"was not ready after {SECONDS} s"
                lines = log.read_text().splitlines() or ["nothing"]
                told = next((line for line in lines if "[critical]" in line), lines[-1])
                raise DemoError(f"{name} {fate} and said: {told} (all of it is in {log})")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def envoy_is_ready() -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{ADMIN}/ready").is_success
    except httpx.TransportError:
        return False


def check_ports() -> None:
    for port, name in {ENVOY: "Envoy", SERVER: "the MCP server", ADMIN: "Envoy's admin page"}.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise DemoError(
                    f"port {port} is taken, and {name} needs it: end what listens there, then try again"
                ) from None


def audit_records() -> list[dict]:
    start, decoder = '{"schema":"mcp_toolgate.audit/', json.JSONDecoder()
    lines = ENVOY_LOG.read_text().splitlines()
    return [decoder.raw_decode(line, line.index(start))[0] for line in lines if start in line]


class Paper:
    """Prints, with colours only on a terminal."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self.width = shutil.get_terminal_size().columns if self.is_terminal else sys.maxsize

    def colour(self, code: int, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.is_terminal and "NO_COLOR" not in os.environ else text

    def colour_of(self, allowed: bool, word: str, line: str) -> str:
        return line.replace(word, self.colour(32 if allowed else 31, word), 1)

    def title(self, text: str) -> None:
        print(f"\n{self.colour(1, text)}\n")

    def table(self, outcomes: list[Outcome]) -> None:
        head = ("CALLER", "CALL", "OUTCOME", "SERVER RAN", "THE CALLER SAW")
        rows = [
            (
                each.caller,
                each.call,
                "allowed" if each.reason is None else "REFUSED",
                " ".join(each.tools_run) or "-",
                each.saw,
            )
            for each in outcomes
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows)]
        print(self.colour(1, self._line(head, widths)))
        above = outcomes[0].caller
        for each, row in zip(outcomes, rows):
            if each.caller != above:
                print()
            above = each.caller
            print(self.colour_of(each.reason is None, row[2], self._line(row, widths)))
            if not each.good:
                print(f"  {self.colour(41, 'NOT AS IT SHOULD BE:')} expected {each.expected or 'allowed'}")

    def audit(self, records: list[dict]) -> None:
        shown = [record for record in records if record["verdict"] == "deny" or record["target"]]
        rows = [
            (
                record["time"],
                record["verdict"],
                record["reason"],
                (record["caller"] or "nobody").rsplit("/", 1)[-1],
                " ".join(filter(None, (record["method"], record["target"]))),
            )
            for record in shown
        ]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            print(self.colour_of(row[1] == "allow", row[1], self._line(row, widths)))
        print(f"and {len(records) - len(shown)} more, of sessions opened and closed, lists and notifications")

    def _line(self, cells: tuple, widths: list[int]) -> str:
        line = "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths)).rstrip()
        # What does not fit goes on under the last column.
        indent = min(sum(widths[:-1]) + 2 * len(widths[:-1]), self.width - 24)
        return textwrap.fill(line, self.width, subsequent_indent=" " * indent, break_on_hyphens=False)


def main() -> None:
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    LOGS.mkdir(parents=True, exist_ok=True)
    TOOLS_RUN.write_text("")
    check_ports()
    server = [sys.executable, "tests/sdk/server.py", "--port", str(SERVER), "--log", TOOLS_RUN]
    envoy = [sys.argv[1], "-c", BOOTSTRAP, "--disable-hot-restart"]
    envoy += ["--log-level", "warning", "--component-log-level", "wasm:info"]
    callers = Callers()

    async def call_all() -> None:
        with anyio.fail_after(SECONDS):
            await callers.call_all()

    with running(server, SERVER_LOG, lambda: answers(SERVER), "the MCP server"):
        with running(envoy, ENVOY_LOG, envoy_is_ready, "Envoy"):
            try:
                anyio.run(call_all)
            except TimeoutError:
                raise DemoError(f"the calls were not done after {SECONDS} s: see {LOGS}") from None

    paper, records = Paper(), audit_records()
    paper.title("What each caller tried, over mTLS and through Envoy, at a real MCP server")
    print("Granted:  support-bot: search_tickets, read_*")
    print("          billing-bot: search_tickets, create_refund\n")
    paper.table(callers.outcomes)
    denials = [record for record in records if record["verdict"] == "deny"]
    paper.title("The audit records of it, from Envoy's log")
    paper.audit(records)
    paper.title("One of them whole")
    print(json.dumps(denials[0], indent=2) if denials else "none")

    refused = [each.expected for each in callers.outcomes if each.expected not in (None, HANDSHAKE)]
    if not all(each.good for each in callers.outcomes):
        raise DemoError(f"an outcome is not as it should be: see the table above, and {LOGS}")
    if [record["reason"] for record in denials] != refused:
        raise DemoError(f"the audit records do not tell of exactly these refusals: see {ENVOY_LOG}")
    print(f"\nAll {len(callers.outcomes)} outcomes are as they should be. Logs: {LOGS}")


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        main()
    except DemoError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
