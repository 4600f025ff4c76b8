"""Verbs, method overrides, and upgrades."""

from .case import *

VERBS = "WIRE 0, rule 2; WIRE 2.4 row 'verbs'; ENVOY F3"
UPGRADES = "WIRE 0, rule 10; WIRE 2.4 row 'Upgrade'; ENVOY F10; RFC 8441"
H1, H2 = {"protocols": ["h1"]}, {"protocols": ["h2"]}
BOTH_CALLS = ((GOOD, "granted"), (EVIL, "tool_not_granted"))


def verbs():
    why = "A verb that carries no message may hide one, or be taken for another."
    for verb in ("GET", "DELETE"):
        case(
            "verbs",
            f"{verb} alone",
            "It opens a stream, or ends a session.",
            VERBS,
            "caller_granted",
            verb=verb,
            headers=[],
        )
        for body, what in ((GOOD, "a granted call"), (EVIL, "the forbidden call"), ("", "an empty body")):
            for kind in ("plain", "chunked"):
                if (kind, body) == ("plain", ""):
                    continue
                case(
                    "verbs",
                    f"{verb} with {what}, {kind}",
                    why,
                    VERBS,
                    "body_not_allowed",
                    body,
                    verb=verb,
                    framing=kind,
                )
        case(
            "verbs",
            f"{verb} that mirrors a call",
            why,
            VERBS,
            "header_unexpected",
            verb=verb,
            headers=[],
            more=[["mcp-method", "tools/call"], ["mcp-name", GRANTED]],
        )
    for verb in ("PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "PROPFIND", "MKCOL", "REPORT", "LOCK", "SEARCH", "QUERY"):
        for body, what in ((None, "alone"), (EVIL, "with the forbidden call")):
            if verb == "HEAD" and body:
                continue
            case("verbs", f"{verb} {what}", why, VERBS, "verb_not_allowed", body, verb=verb)
    for verb in ("post", "Post", "POST_", "XPOST", "get"):
        case(
            "verbs",
            f"{verb} over HTTP/2",
            "Verbs have case; servers may not look.",
            VERBS,
            "verb_not_allowed",
            EVIL,
            verb=verb,
            **H2,
        )
        case(
            "verbs",
            f"{verb} over HTTP/1.1",
            "Verbs have case; servers may not look.",
            VERBS,
            "envoy",
            EVIL,
            verb=verb,
            **H1,
        )


def overrides():
    for name in ("x-http-method-override", "X-HTTP-Method-Override", "x-http-method", "x-method-override"):
        for value in ("POST", "DELETE", "GET", ""):
            case(
                "overrides",
                f"{name}: {value or 'empty'} on a POST",
                "Frameworks take the verb from this header.",
                "WIRE 2.4 row 'verbs'",
                "method_override_refused",
                GOOD,
                more=[[name, value]],
            )
        case(
            "overrides",
            f"{name} on a GET",
            "Frameworks take the verb from this header.",
            "WIRE 2.4 row 'verbs'",
            "method_override_refused",
            verb="GET",
            headers=[],
            more=[[name, "POST"]],
        )
    case(
        "overrides",
        "_method in the query",
        "Some frameworks read it; the body is judged all the same.",
        VERBS,
        "tool_not_granted",
        EVIL,
        path="/mcp?_method=PUT",
    )


def upgrades():
    why = "After an upgrade nothing of the traffic can be judged."
    for value in (
        "websocket",
        "WebSocket",
        "h2c, websocket",
        "websocket, h2c",
        "TLS/1.0",
        "HTTP/2.0",
        "h2",
        "x",
        "connect-udp",
    ):
        for verb, body in (("GET", None), ("POST", EVIL)):
            # Envoy itself ends what asks for an upgrade that it was not told of, before any filter hears of it.
            known = value.lower() == "websocket"
            case(
                "upgrades",
                f"{verb} with {value}",
                why,
                UPGRADES,
                "upgrade_refused" if known else "envoy",
                body,
                verb=verb,
                more=[["connection", "upgrade"], ["upgrade", value]],
                status=0 if known else 404 if value == "connect-udp" else 403,
                **H1,
            )
    handshake = [
        ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
        ["sec-websocket-version", "13"],
        ["sec-websocket-protocol", "mcp"],
    ]
    case(
        "upgrades",
        "a whole WebSocket handshake",
        why,
        UPGRADES,
        "upgrade_refused",
        verb="GET",
        headers=[],
        more=[["connection", "Upgrade"], ["upgrade", "websocket"], *handshake],
        fools=[PY1],
        **H1,
    )
    for body, outcome in BOTH_CALLS:
        case(
            "upgrades",
            f"Upgrade without Connection: {outcome}",
            "Envoy strips it: nothing is upgraded.",
            UPGRADES,
            outcome,
            body,
            more=[["upgrade", "websocket"]],
            **H1,
        )
        case(
            "upgrades",
            f"an offer of h2c: {outcome}",
            "Envoy strips the offer that a Java client makes.",
            UPGRADES,
            outcome,
            body,
            more=[
                ["connection", "Upgrade, HTTP2-Settings"],
                ["upgrade", "h2c"],
                ["http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"],
            ],
            **H1,
        )
    case(
        "upgrades", "CONNECT", why, UPGRADES, "verb_not_allowed", verb="CONNECT", path="mcp.test:443", headers=[], **H1
    )
    case(
        "upgrades",
        "CONNECT over HTTP/2",
        why,
        UPGRADES,
        "verb_not_allowed",
        headers=[],
        pseudo=[[":method", "CONNECT"], [":authority", "mcp.test:443"]],
        **H2,
    )
    usual = [[":method", "CONNECT"], [":scheme", "https"], [":authority", "mcp.test"], [":path", "/mcp"]]
    case(
        "upgrades",
        "extended CONNECT for websocket",
        why,
        UPGRADES,
        "upgrade_refused",
        headers=[],
        pseudo=[*usual, [":protocol", "websocket"]],
        **H2,
    )
    case(
        "upgrades",
        "extended CONNECT with a call for a body",
        why,
        UPGRADES,
        "upgrade_refused",
        EVIL,
        pseudo=[*usual, [":protocol", "websocket"]],
        **H2,
    )
    case(
        "upgrades",
        "extended CONNECT for connect-udp",
        why,
        UPGRADES,
        "envoy",
        headers=[],
        status=404,
        pseudo=[*usual, [":protocol", "connect-udp"]],
        **H2,
    )
    case(
        "upgrades",
        "a protocol without CONNECT",
        why,
        UPGRADES,
        "envoy",
        EVIL,
        status=None,
        pseudo=[[":method", "POST"], *usual[1:], [":protocol", "websocket"]],
        **H2,
    )


def add():
    verbs()
    overrides()
    upgrades()
