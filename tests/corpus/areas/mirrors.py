"""Mirrored headers: they never decide an allow, and where they are there they agree with the body."""

import base64
from itertools import product

from .case import *

MIRRORS = "WIRE 0, rules 1 and 9; WIRE 1.5, SEP-2243; WIRE 2.2 row 'duplicate Mcp-Name lines'"
VERSION = "io.modelcontextprotocol/protocolVersion"


def sealed(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return f"=?base64?{base64.b64encode(raw).decode()}?="


def split(area, title, why, source, outcome, early, body, **rest):
    """One case where the way of holding makes no difference, two where `hold: body` refuses at the head."""
    if early is None:
        return case(area, title, why, source, outcome, body, **rest)
    case(area, f"{title} (whole message held)", why, source, outcome, body, holds=["headers"], **rest)
    case(area, f"{title} (refused at the head)", why, "DESIGN 7", early, body, holds=["buffer"], status=403, **rest)


def combinations():
    why = "A server may go by the header or by the body; only agreement has one reading."
    methods = {
        "no method": [],
        "the method": [["mcp-method", "tools/call"]],
        "another method": [["mcp-method", "tools/list"]],
    }
    names = {
        "no name": [],
        "the granted name": [["mcp-name", GRANTED]],
        "the forbidden name": [["mcp-name", FORBIDDEN]],
        "the granted name sealed": [["mcp-name", sealed(GRANTED)]],
        "the forbidden name sealed": [["mcp-name", sealed(FORBIDDEN)]],
    }
    for (tool, body), (m, method), (n, name) in product(
        ((GRANTED, GOOD), (FORBIDDEN, EVIL)), methods.items(), names.items()
    ):
        agrees = m != "another method" and (not name or (GRANTED if "granted" in n else FORBIDDEN) == tool)
        outcome = "header_mismatch" if not agrees else "granted" if tool == GRANTED else "tool_not_granted"
        early = "tool_not_granted" if m == "the method" and "forbidden" in n else None
        legacy = (
            [PY1, PY2, *EVERY_TS, *EVERY_GO, MARK3]
            if tool == FORBIDDEN and "granted" in n and m == "the method"
            else ()
        )
        split("mirrors", f"{m}, {n}, body {tool}", why, MIRRORS, outcome, early, body, more=method + name, fools=legacy)


def repeated():
    why = "Servers take the first or the last of two lines."
    for first, second in product((GRANTED, FORBIDDEN), repeat=2):
        for tool, body in ((GRANTED, GOOD), (FORBIDDEN, EVIL)):
            live = [GO18, MARK3] if (first, second, tool) == (FORBIDDEN, GRANTED, FORBIDDEN) else ()
            case(
                "mirrors",
                f"names {first} and {second}, body {tool}",
                why,
                MIRRORS,
                "header_repeated",
                body,
                fools=live,
                more=[["mcp-method", "tools/call"], ["mcp-name", first], ["mcp-name", second]],
            )
    case("mirrors", "two equal methods", why, MIRRORS, "header_repeated", EVIL, more=[["mcp-method", "tools/call"]] * 2)
    case(
        "mirrors",
        "two methods",
        why,
        MIRRORS,
        "header_repeated",
        EVIL,
        more=[["mcp-method", "tools/list"], ["mcp-method", "tools/call"]],
    )
    case(
        "mirrors",
        "two versions",
        "Python servers choose their parser by the first line.",
        "WIRE 1.5, era of a request",
        "header_repeated",
        EVIL,
        more=[["mcp-protocol-version", "2025-11-25"], ["mcp-protocol-version", "2026-07-28"]],
    )
    case(
        "mirrors",
        "two equal versions",
        why,
        "WIRE 2.4 row 'version header repeated'",
        "header_repeated",
        GOOD,
        more=[["mcp-protocol-version", "2025-11-25"]] * 2,
    )
    case(
        "mirrors",
        "two methods on a GET",
        why,
        MIRRORS,
        "header_repeated",
        verb="GET",
        headers=[],
        body=None,
        more=[["mcp-method", "a"], ["mcp-method", "b"]],
    )


def values():
    why = "Header names have no case, values have, and nothing is trimmed within."
    for what, lines, outcome in (
        ("names of headers in odd case", [["MCP-METHOD", "tools/call"], ["Mcp-name", GRANTED]], "granted"),
        ("the method in upper case", [["mcp-method", "TOOLS/CALL"]], "header_mismatch"),
        ("the method sealed", [["mcp-method", sealed("tools/call")]], "header_mismatch"),
        ("the name in upper case", [["mcp-name", "GET_WEATHER"]], "header_mismatch"),
        ("an empty name", [["mcp-name", ""]], "header_mismatch"),
        ("an empty method", [["mcp-method", ""]], "header_mismatch"),
        ("two names in one line", [["mcp-name", f"{GRANTED}, {GRANTED}"]], "header_mismatch"),
        ("a quoted name", [["mcp-name", f'"{GRANTED}"']], "header_mismatch"),
        ("a percent escape in the name", [["mcp-name", "get%5Fweather"]], "header_mismatch"),
        ("a seal in upper case", [["mcp-name", sealed(GRANTED).replace("base64", "BASE64")]], "header_mismatch"),
        ("a seal without end", [["mcp-name", sealed(GRANTED)[:-2]]], "header_mismatch"),
        ("a seal in quoted-printable", [["mcp-name", f"=?utf-8?Q?{GRANTED}?="]], "header_mismatch"),
        ("a seal of bad base64", [["mcp-name", "=?base64?Z2V0X3dlYXRoZX?="]], "header_malformed"),
        ("a seal with a space", [["mcp-name", "=?base64?Z2V0 X3dlYXRoZXI=?="]], "header_malformed"),
        ("a seal in the URL alphabet", [["mcp-name", "=?base64?_-__?="]], "header_malformed"),
        ("a seal of bytes that are no text", [["mcp-name", sealed(b"\xff\xfe")]], "header_malformed"),
        ("a seal with loose bits", [["mcp-name", "=?base64?Z2V0X3dlYXRoZXJ=?="]], "header_malformed"),
        ("an empty seal", [["mcp-name", "=?base64??="]], "header_mismatch"),
        ("a seal within a seal", [["mcp-name", sealed(sealed(GRANTED))]], "header_mismatch"),
        ("a name in UTF-16, sealed", [["mcp-name", sealed(GRANTED.encode("utf-16"))]], "header_malformed"),
    ):
        case("mirrors", what, why, MIRRORS, outcome, GOOD, more=lines)
    case(
        "mirrors",
        "bytes that are no text",
        why,
        MIRRORS,
        "header_malformed",
        GOOD,
        more=[["mcp-name", {"base64": base64.b64encode(b"get_weather\xff").decode()}]],
    )
    billing = {"peer": "billing-bot"}
    for method, key, good, bad in (
        ("prompts/get", "name", "refund_a", "secret"),
        ("resources/read", "uri", "file:///invoices/1", "file:///etc/x"),
        ("tasks/get", "taskId", "t", "u"),
        ("tasks/update", "taskId", "t", "u"),
        ("tasks/cancel", "taskId", "t", "u"),
    ):
        body = request(obj(member(key, text(good))), method)
        both = [["mcp-method", method]]
        case(
            "mirrors",
            f"{method}: agreement",
            why,
            MIRRORS,
            "granted",
            body,
            more=[*both, ["mcp-name", good]],
            **billing,
        )
        case(
            "mirrors",
            f"{method}: agreement, sealed",
            why,
            MIRRORS,
            "granted",
            body,
            more=[*both, ["mcp-name", sealed(good)]],
            **billing,
        )
        refusal = {"prompts/get": "prompt_not_granted", "resources/read": "resource_not_granted"}.get(method)
        split(
            "mirrors",
            f"{method}: disagreement",
            why,
            MIRRORS,
            "header_mismatch",
            refusal,
            body,
            more=[*both, ["mcp-name", bad]],
            **billing,
        )
    for method in ("ping", "tools/list", "initialize", "resources/subscribe", "tasks/result", "completion/complete"):
        params = {
            "resources/subscribe": '{"uri":"file:///invoices/1"}',
            "tasks/result": '{"taskId":"t"}',
            "completion/complete": '{"ref":{"type":"ref/prompt","name":"refund_a"}}',
        }.get(method, "{}")
        case(
            "mirrors",
            f"a name beside {method}",
            "Nothing there is to be mirrored.",
            MIRRORS,
            "header_unexpected",
            request(params, method),
            more=[["mcp-method", method], ["mcp-name", "x"]],
            **billing,
        )
    answer = '{"jsonrpc":"2.0","id":1,"result":{}}'
    for name, value in (("mcp-method", "tools/call"), ("mcp-name", GRANTED)):
        case(
            "mirrors",
            f"an answer with {name}",
            "An answer mirrors nothing.",
            MIRRORS,
            "header_unexpected",
            answer,
            more=[[name, value]],
        )
    case(
        "mirrors",
        "a notification that agrees",
        why,
        MIRRORS,
        "caller_granted",
        obj(HEAD[0], member("method", text("notifications/initialized"))),
        more=[["mcp-method", "notifications/initialized"]],
    )


def versions():
    why = "Python servers choose their JSON parser by the version."
    source = "WIRE 1.5; DESIGN 5, mirrored headers"
    known = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "DRAFT-2027", "1", "x" * 64)
    for header in known:
        for body, outcome in ((GOOD, "granted"), (EVIL, "tool_not_granted")):
            case(
                "versions",
                f"{header[:12]} in the header: {outcome}",
                "The check is the same at every version.",
                "WIRE 2.4 row 'unknown version value'",
                outcome,
                body,
                more=[["mcp-protocol-version", header]],
            )
    for header, inside in product(("2025-11-25", "2026-07-28"), repeat=2):
        params = obj(NAME, ARGUMENTS, member("_meta", obj(member(VERSION, text(inside)))))
        case(
            "versions",
            f"{header} in the header, {inside} in the body",
            why,
            source,
            "granted" if header == inside else "header_mismatch",
            request(params),
            more=[["mcp-protocol-version", header]],
        )
    params = obj(NAME, ARGUMENTS, member("_meta", obj(member(VERSION, text("2026-07-28")))))
    case("versions", "only in the body", why, source, "granted", request(params))
    case(
        "versions",
        "initialize proposes another than the header",
        "A proposal mirrors nothing.",
        source,
        "caller_granted",
        request(
            '{"protocolVersion":"2026-07-28","capabilities":{},"clientInfo":{"name":"x","version":"1"}}', "initialize"
        ),
        more=[["mcp-protocol-version", "2025-11-25"]],
    )
    case(
        "versions",
        "a sealed version",
        why,
        source,
        "header_mismatch",
        request(params),
        more=[["mcp-protocol-version", sealed("2026-07-28")]],
    )
    for name, value in (
        ("mcp-param-city", "Rome"),
        ("mcp-param-name", FORBIDDEN),
        ("mcp-param-name", "=?base64?!!?="),
        ("mcp-session-id", "0123"),
        ("last-event-id", "7"),
        ("mcp-unheard-of", "x"),
        ("x-mcp-name", FORBIDDEN),
    ):
        case(
            "versions",
            f"{name} {value} passes untouched",
            "It decides nothing, and is the server's to read.",
            source,
            "granted",
            GOOD,
            more=[[name, value]],
        )


def add():
    combinations()
    repeated()
    values()
    versions()
