"""How the bytes of a request are cut, and who may disagree on where it ends."""

from .case import *

FRAMING = "WIRE 2.4 rows 'Transfer-Encoding, framing' and 'trailers'; ENVOY F4, F7"
SMUGGLING = "RFC 9112 section 6.3; RFC 9113 section 8.1.1"
H1, H2 = {"protocols": ["h1"]}, {"protocols": ["h2"]}
BOTH_CALLS = ((GOOD, "granted"), (EVIL, "tool_not_granted"))


def framing():
    why = "However the bytes are cut, the whole is judged, and nothing before it is whole."
    for kind in ("chunked", "single_bytes", "trailers", "expect_continue"):
        for body, outcome in BOTH_CALLS:
            case("framing", f"{kind}: {outcome}", why, FRAMING, outcome, body, framing=kind)
    for kind in ("padded", "continuation", "empty_end", "as_is"):
        for body, outcome in BOTH_CALLS:
            case("framing", f"{kind} over HTTP/2: {outcome}", why, FRAMING, outcome, body, framing=kind, **H2)
    for body, outcome in BOTH_CALLS:
        case("framing", f"single chunks: {outcome}", why, FRAMING, outcome, body, framing="single_chunks", **H1)
        case(
            "framing",
            f"cut within an escape: {outcome}",
            why,
            FRAMING,
            outcome,
            body.replace("_", "\\u005f"),
            framing="single_bytes",
        )
        case(
            "framing",
            f"an early end: {outcome}",
            "What is not whole is not judged, and not sent.",
            "ENVOY F5, F7",
            "ended_undecided",
            body,
            framing="early_end",
            status=None,
        )
        case(
            "framing",
            f"a batch in single bytes: {outcome}",
            why,
            FRAMING,
            "batch_refused",
            f"[{body}]",
            framing="single_bytes",
        )
    for kind in ("plain", "chunked", "trailers"):
        case(
            "framing",
            f"an empty body, {kind}",
            "A POST without a message asks for nothing.",
            "WIRE 2.4 row 'empty body POST'",
            "body_missing",
            "",
            framing=kind,
        )
    case(
        "framing",
        "no body",
        "A POST without a message asks for nothing.",
        "WIRE 2.4 row 'empty body POST'",
        "body_missing",
    )


def lengths():
    # What bounds the reading first decides which message a server sees.
    length = len(EVIL)
    for what, headers in {
        "two lengths": [["content-length", str(length)], ["content-length", str(length + 1)]],
        "length and chunks": [["content-length", str(length)], ["transfer-encoding", "chunked"]],
        "a signed length": [["content-length", f"+{length}"]],
        "a negative length": [["content-length", "-1"]],
        "a length too large to count": [["content-length", "18446744073709551617"]],
        "a hexadecimal length": [["content-length", hex(length)]],
        "gzip before chunked": [["transfer-encoding", "gzip, chunked"]],
        "chunked before identity": [["transfer-encoding", "chunked, identity"]],
        "chunked twice": [["transfer-encoding", "chunked, chunked"]],
        "a name with a space": [["content-length ", str(length)]],
    }.items():
        status = 501 if what in ("gzip before chunked", "chunked before identity", "chunked twice") else 400
        case(
            "smuggling",
            what,
            "Two readings of the length make two messages of one.",
            SMUGGLING,
            "envoy",
            EVIL,
            more=headers,
            framing="as_is",
            status=status,
            **H1,
        )
    case(
        "smuggling",
        "a length in a folded line",
        "Folded, it is no header, and the request has no body.",
        "RFC 9112 section 5.2",
        "body_missing",
        EVIL,
        more=[["x-a", f"b\r\n content-length: {length}"]],
        framing="as_is",
        **H1,
    )
    case(
        "smuggling",
        "a second request in the body",
        "The body belongs to one message.",
        SMUGGLING,
        "json_malformed",
        GOOD + "POST /mcp HTTP/1.1\r\nhost: mcp.test\r\n\r\n",
        **H1,
    )


def http2():
    length = len(EVIL)
    for what, declared in {"longer": length + 1, "shorter": length - 1, "nothing": 0}.items():
        case(
            "smuggling",
            f"a body {what} than declared over HTTP/2",
            "The codec ends such a stream.",
            "RFC 9113 section 8.1.1; CVE-2026-48743",
            "ended_undecided",
            EVIL,
            more=[["content-length", str(declared)]],
            framing="as_is",
            status=None,
            **H2,
        )
    for what, extra in {
        "transfer-encoding": ["transfer-encoding", "chunked"],
        "connection": ["connection", "close"],
        "upgrade": ["upgrade", "websocket"],
        "te": ["te", "gzip"],
        "keep-alive": ["keep-alive", "1"],
        "proxy-connection": ["proxy-connection", "x"],
    }.items():
        case(
            "smuggling",
            f"{what} over HTTP/2",
            "Headers of one connection have no place in HTTP/2.",
            "RFC 9113 section 8.2.2",
            "envoy",
            EVIL,
            more=[extra],
            status=None,
            **H2,
        )
    for what, extra in {
        "a line feed in a value": ["x-a", "b\ncontent-type: text/plain"],
        "a NUL in a value": ["x-a", "b\0c"],
        "a carriage return in a value": ["x-a", "b\rc"],
    }.items():
        case(
            "smuggling",
            f"{what} over HTTP/2",
            "It would become another line in HTTP/1.1.",
            "RFC 9113 section 8.2.1",
            "envoy",
            EVIL,
            more=[extra],
            status=None,
            **H2,
        )
    usual = [[":method", "POST"], [":scheme", "https"], [":authority", "mcp.test"], [":path", "/mcp"]]
    for what, pseudo in {
        "two methods": [*usual, [":method", "GET"]],
        "two paths": [*usual, [":path", "/x"]],
        "no path": usual[:3],
        "no method": usual[1:],
        "an unknown one": [*usual, [":tool", "x"]],
        "a response's": [*usual, [":status", "200"]],
        "an empty path": [*usual[:3], [":path", ""]],
        "an empty method": [[":method", ""], *usual[1:]],
        "a path with a space": [*usual[:3], [":path", "/mcp HTTP/1.1"]],
    }.items():
        case(
            "smuggling",
            f"pseudo-headers: {what}",
            "Each stands once, and no others.",
            "RFC 9113 section 8.3",
            "envoy",
            EVIL,
            pseudo=pseudo,
            status=None,
            **H2,
        )


def add():
    framing()
    lengths()
    http2()
