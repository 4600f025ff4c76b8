"""Paths, scope, exempt paths, and who asks."""

from .case import *

PATHS = "WIRE 2.2 rows 'any path' and '/%6dcp; /MCP'; DESIGN 3, Scope"
BOTH_CALLS = ((GOOD, "granted"), (EVIL, "tool_not_granted"))


def paths():
    any_path = [*[TS_HTTP, TS2], *EVERY_GO, MARK3]
    live = {"/": any_path, "/x": any_path, "/%6dcp": [PY1, PY2, *any_path], "/MCP": [TS_EXPRESS, *any_path]}
    odd = (
        "/",
        "/x",
        "/mcp/",
        "/MCP",
        "/mcp/x",
        "//mcp",
        "/mcp//",
        "/./mcp",
        "/x/../mcp",
        "/mcp/..",
        "/%6dcp",
        "/%6Dcp",
        "/mcp%2f",
        "/mcp%00",
        "/mcp;x=1",
        "/mcp;/x",
        "/mcp?",
        "/mcp?x=/../y",
        "/mcp?session_ids=1",
        "/healthz",
        "/mcp.json",
        "/mcp%2e%2e",
        "/mcp/%2e%2e/x",
        "/mcp\\x",
        "/messages/",
        "/sse",
        "/mcp?tool=get_weather",
        "/healthz?x=1",
        "/mcpx",
        "/" + "a" * 2000,
        "/mcp%20",
        "/mcp%",
        "/mcp/.",
        "/%252e%252e/mcp",
        "/mcp%5cx",
        "/mcp%3bx",
    )
    for path in odd:
        title = path if len(path) < 50 else "a path of 2001 bytes"
        for body, outcome in BOTH_CALLS:
            case(
                "paths",
                f"{title}: {outcome}",
                "Servers answer on paths that no rule foresaw, so every POST is judged.",
                PATHS,
                outcome,
                body,
                path=path,
                fools=live.get(path, ()) if body == EVIL else (),
            )
        covered = {"/mcp", "/mcp/", "/mcp/x"}
        reason = "granted" if path.split("?")[0] in covered else "outside_scope"
        case(
            "scope",
            f"{title} with a scope of /mcp",
            "Whole segments count, and nothing that can be read in two ways.",
            PATHS,
            reason,
            GOOD,
            path=path,
            policy="scoped",
        )
    for query in ("session_id=1", "sessionId=1", "x=1&session_id=2"):
        case(
            "paths",
            f"a legacy message endpoint, {query}",
            "Clients of HTTP+SSE read the status only.",
            "WIRE 1.1; DESIGN 6",
            "tool_not_granted",
            EVIL,
            path=f"/messages/?{query}",
            status=403,
        )
        case(
            "paths",
            f"a granted call to a legacy message endpoint, {query}",
            "It is judged like any POST.",
            "WIRE 1.1",
            "granted",
            GOOD,
            path=f"/messages/?{query}",
        )


def authorities():
    for host, outcome in (
        ("mcp.test", "granted"),
        ("MCP.Test", "granted"),
        ("mcp.test:8443", "granted"),
        ("mcp.test.", "outside_scope"),
        ("evil.test", "outside_scope"),
        ("mcp.test.evil.test", "outside_scope"),
        ("xmcp.test", "outside_scope"),
        ("127.0.0.1", "outside_scope"),
    ):
        case(
            "scope",
            f"authority {host}",
            "Another authority is another server.",
            "DESIGN 3, Scope",
            outcome,
            GOOD,
            more=[["host", host]],
            policy="scoped",
        )


def exempt():
    health = {"policy": "scoped", "peer": "nobody"}
    for verb in ("GET", "HEAD"):
        case(
            "exempt",
            f"{verb} /healthz",
            "Nobody is asked who calls.",
            "DESIGN 3, Exempt paths",
            "exempt_path",
            verb=verb,
            path="/healthz",
            headers=[],
            **health,
        )
    for what, rest in {
        "a query": {"path": "/healthz?x=1"},
        "a slash behind": {"path": "/healthz/"},
        "two slashes": {"path": "//healthz"},
        "an escape": {"path": "/%68ealthz"},
        "a parameter": {"path": "/healthz;x"},
        "upper case": {"path": "/HEALTHZ"},
        "dot segments": {"path": "/mcp/../healthz"},
        "DELETE": {"verb": "DELETE"},
        "OPTIONS": {"verb": "OPTIONS"},
        "a session": {"more": [["mcp-session-id", "x"]]},
        "a last event": {"more": [["last-event-id", "1"]]},
        "a mirrored header": {"more": [["mcp-anything", "x"]]},
    }.items():
        rest = {"verb": "GET", "path": "/healthz", **rest}
        case(
            "exempt",
            f"not exempt: {what}",
            "Exempt is exactly one path, without a body and without MCP.",
            "DESIGN 3, Exempt paths",
            "client_certificate_required",
            headers=[],
            **rest,
            **health,
        )
    case(
        "exempt",
        "not exempt: a POST",
        "Exempt is exactly one path, without a body and without MCP.",
        "DESIGN 3, Exempt paths",
        "client_certificate_required",
        EVIL,
        path="/healthz",
        **health,
    )
    case(
        "exempt",
        "not exempt: a GET with a call",
        "Exempt is exactly one path, without a body and without MCP.",
        "DESIGN 3, Exempt paths",
        "client_certificate_required",
        EVIL,
        verb="GET",
        path="/healthz",
        **health,
    )


def callers():
    why = "Who asks is what the connection's certificate says, and nothing else."
    claim = "By=spiffe://x;URI=spiffe://cluster.local/ns/agents/sa/support-bot"
    for peer, outcome in (
        ("stranger", "caller_unknown"),
        ("two-names", "several_uri_sans"),
        ("forged", "certificate_not_validated"),
        ("nobody", "client_certificate_required"),
    ):
        case("callers", f"{peer}", why, "DESIGN 4; ENVOY 4", outcome, GOOD, peer=peer)
        for name, value in (
            ("x-forwarded-client-cert", claim),
            ("x-forwarded-user", "support-bot"),
            ("authorization", "Bearer x"),
            ("x-spiffe-id", "spiffe://cluster.local/ns/agents/sa/support-bot"),
            ("x-envoy-peer-metadata-id", "support-bot"),
        ):
            case(
                "callers",
                f"{peer} with {name}",
                why,
                "DESIGN 4; ENVOY 8, T6",
                outcome,
                GOOD,
                peer=peer,
                more=[[name, value]],
            )
        case("callers", f"{peer} with a stream", why, "DESIGN 4", outcome, verb="GET", headers=[], peer=peer)


def add():
    paths()
    authorities()
    exempt()
    callers()
