"""Media types and content codings."""

import zlib

from .case import *

TYPES = "WIRE 0, rule 7; WIRE 2.2 row 'no or wrong Content-Type'; WIRE 2.4"
BOTH_CALLS = ((GOOD, "granted"), (EVIL, "tool_not_granted"))


def media_types():
    why = "The declared type and charset choose the parser, or make a server skip a check."
    go = [GO13, GO12]
    for value in (
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-rpc",
        "application/json5",
        "application/vnd.api+json",
        "application/*",
        "*/*",
        "json",
        "application/jsonx",
        "application/json, text/plain",
        "text/plain, application/json",
        "application/json application/json",
        "application/octet-stream",
        "application/x-ndjson",
        "application/cbor",
        "application /json",
    ):
        case(
            "media-types",
            value,
            why,
            TYPES,
            "content_type_unsupported",
            EVIL,
            headers=[["content-type", value]],
            fools=go if "json" not in value else (),
        )
    for value in (
        "utf-16",
        "utf-16le",
        "utf-32",
        "utf-7",
        "iso-8859-1",
        "us-ascii",
        "windows-1252",
        "utf8",
        "utf-8-sig",
        "cesu-8",
        "",
        "utf-8 utf-7",
        "utf-8,utf-7",
        "*",
        "utf_8",
    ):
        case(
            "media-types",
            f"charset {value}",
            why,
            TYPES,
            "content_type_unsupported",
            EVIL,
            headers=[["content-type", f"application/json; charset={value}"]],
        )
    for value in (
        "application/json; charset=utf-8; charset=utf-7",
        "application/json; charset=utf-7; charset=utf-8",
        "application/json; version=1",
        "application/json; charset=utf-8; version=1",
        "application/json;",
        "application/json; charset",
        "application/json; charset='utf-8'",
        'application/json; charset="utf-8',
        "application/json; charset*=utf-8''utf-7",
        "application/json; q=1",
        "application/json;;charset=utf-8",
        "application/json; charset = utf-8",
    ):
        outcome = "content_type_unsupported"
        case("media-types", value, why, TYPES, outcome, EVIL, headers=[["content-type", value]])
    case("media-types", "none", why, TYPES, "content_type_unsupported", EVIL, headers=[], fools=go)
    case(
        "media-types",
        "an empty one",
        why,
        TYPES,
        "content_type_unsupported",
        EVIL,
        headers=[["content-type", ""]],
        fools=go,
    )
    for what, lines in {
        "twice the same": ["application/json"] * 2,
        "JSON, then text": ["application/json", "text/plain"],
        "text, then JSON": ["text/plain", "application/json"],
        "with and without a charset": ["application/json", "application/json; charset=utf-7"],
    }.items():
        case(
            "media-types",
            f"two lines, {what}",
            why,
            TYPES,
            "content_type_unsupported",
            EVIL,
            headers=[["content-type", line] for line in lines],
        )
    for value in (
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        'application/json ; Charset="UTF-8"',
        "application/json;charset=Utf-8",
    ):
        for body, outcome in BOTH_CALLS:
            case(
                "media-types",
                f"honest: {value}, {outcome}",
                "Clients of all languages write it so.",
                TYPES,
                outcome,
                body,
                headers=[["content-type", value]],
            )


def content_codings():
    coded = "A server that decodes the body runs what nobody judged; one that does not, ignores the label."
    for value in (
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "identity, gzip",
        "gzip, identity",
        "*",
        "",
        "GZIP",
        "identity;q=1",
        "aws-chunked",
        "identity identity",
    ):
        fools = [PY1, PY2, TS_HTTP, TS2, *EVERY_GO, MARK3] if value == "gzip" else ()
        case(
            "content-codings",
            f"label {value!r}, plain body",
            coded,
            "WIRE 2.2 row 'label gzip, plain body'",
            "content_encoding_unsupported",
            EVIL,
            more=[["content-encoding", value]],
            fools=fools,
        )
    case(
        "content-codings",
        "two lines of identity",
        coded,
        TYPES,
        "content_encoding_unsupported",
        EVIL,
        more=[["content-encoding", "identity"]] * 2,
    )
    # One stored block, put together by hand: the output of a compressor differs from version to version.
    evil, length = EVIL.encode(), len(EVIL)
    block = b"\x01" + length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little") + evil
    gzip = (
        b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block + zlib.crc32(evil).to_bytes(4, "little") + length.to_bytes(4, "little")
    )
    deflate = b"\x78\x01" + block + zlib.adler32(evil).to_bytes(4, "big")
    assert zlib.decompress(gzip, 31) == zlib.decompress(deflate) == evil
    for value, body in (("gzip", gzip), ("deflate", deflate)):
        case(
            "content-codings",
            f"a {value} body",
            coded,
            "WIRE 2.2 row 'gzip or deflate body'",
            "content_encoding_unsupported",
            body,
            more=[["content-encoding", value]],
            fools=[TS_EXPRESS],
        )
        case(
            "content-codings",
            f"a {value} body without its label",
            coded,
            "WIRE 2.2 row 'gzip or deflate body'",
            "json_malformed",
            body,
        )
    for value in ("identity", "Identity"):
        for body, outcome in BOTH_CALLS:
            case(
                "content-codings",
                f"honest: {value}, {outcome}",
                "It says that nothing was done.",
                TYPES,
                outcome,
                body,
                more=[["content-encoding", value]],
            )


def add():
    media_types()
    content_codings()
