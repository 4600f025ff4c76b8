"""Bytes that are no UTF-8, and characters that are no characters."""

import base64
import json

from .case import *

ENCODINGS = "WIRE 2.2 rows 'UTF-8 BOM', 'UTF-16/32'; RFC 8259 section 8.1"
STRICT = "WIRE 0, rule 3; RFC 8259"


def encodings():
    why = "Some servers guess the encoding from the bytes and read a call where others see none."
    for body, called in ((EVIL, "the forbidden call"), (GOOD, "a granted call")):
        evil = body == EVIL
        case(
            "encodings",
            f"a byte order mark before {called}",
            why,
            ENCODINGS,
            "json_malformed",
            "\ufeff" + body,
            fools=[PY1, PY2_MODERN, *EVERY_TS] if evil else (),
        )
        case("encodings", f"a byte order mark behind {called}", why, ENCODINGS, "json_malformed", body + "\ufeff")
        for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
            fools = [PY1, PY2_MODERN, SWIFT] if evil else ()
            case("encodings", f"{called} in {codec}", why, ENCODINGS, "json_malformed", body.encode(codec), fools=fools)
            marked = "\ufeff".encode(codec) + body.encode(codec)
            case(
                "encodings", f"{called} in {codec} with its mark", why, ENCODINGS, "json_malformed", marked, fools=fools
            )
            case(
                "encodings",
                f"{called} in {codec}, declared",
                why,
                "WIRE 2.2 row 'UTF-16/32 with charset'",
                "content_type_unsupported",
                body.encode(codec),
                fools=[*fools, TS_EXPRESS, CSHARP, JAVA] if evil else (),
                headers=[["content-type", f"application/json; charset={codec}"]],
            )
        for codec in ("cp037", "cp500"):
            case(
                "encodings",
                f"{called} in EBCDIC {codec}, declared",
                why,
                "WIRE 2.3, Java: any charset of the JVM",
                "content_type_unsupported",
                body.encode(codec),
                fools=[JAVA] if evil else (),
                headers=[["content-type", f"application/json; charset={codec}"]],
            )


def utf7():
    # Valid UTF-8 that names the granted tool; in UTF-7 the argument ends early and a second name follows.
    hidden = base64.b64encode('"},"name":"delete_all","x":{"a":"'.encode("utf-16-be")).decode().rstrip("=")
    polyglot = call(arguments=f'{{"a":"+{hidden}-"}}')
    assert json.loads(polyglot.encode().decode("utf-7"))["params"]["name"] == FORBIDDEN
    for charset in ("utf-7", "UTF-7", '"utf-7"'):
        case(
            "encodings",
            f"a UTF-7 polyglot, charset {charset}",
            "In UTF-8 it names the granted tool, in UTF-7 the other.",
            "WIRE 2.2 row 'UTF-7 charset polyglot'",
            "content_type_unsupported",
            polyglot,
            headers=[["content-type", f"application/json; charset={charset}"]],
            fools=[TS_EXPRESS, TS_SSE, JAVA],
        )
    case(
        "encodings",
        "the UTF-7 polyglot as what it is in UTF-8",
        "Without a charset nobody decodes UTF-7.",
        "WIRE 2.2 row 'UTF-7 charset polyglot'",
        "granted",
        polyglot,
    )


def invalid_bytes():
    invalid = {
        "a lone continuation byte": b"\x80",
        "a byte that never occurs": b"\xff",
        "an overlong slash": b"\xc0\xaf",
        "an overlong quote": b"\xc0\xa2",
        "an overlong NUL": b"\xc0\x80",
        "an encoded surrogate": b"\xed\xa0\x80",
        "a surrogate pair (CESU-8)": b"\xed\xa0\xbd\xed\xb8\x80",
        "beyond U+10FFFF": b"\xf4\x90\x80\x80",
        "a cut sequence": b"\xe2\x82",
        "five bytes": b"\xf8\x88\x80\x80\x80",
        "Latin-1": b"\xe9",
    }
    source = "WIRE 2.2 row 'invalid UTF-8 in an argument'; RFC 3629 section 3"
    for what, bad in invalid.items():
        for tool, where in ((FORBIDDEN, "an argument"), (GRANTED, "an argument of a granted call")):
            body = call(tool, arguments='{"a":"@"}').encode().replace(b"@", bad)
            fools = [*EVERY_TS, *EVERY_GO, MARK3] if tool == FORBIDDEN else ()
            case(
                "encodings",
                f"{what} in {where}",
                "Decoders replace, drop or keep such bytes.",
                source,
                "json_malformed",
                body,
                fools=fools,
            )
        case(
            "encodings",
            f"{what} in the name",
            "Decoders that drop such bytes read another name.",
            source,
            "json_malformed",
            call("delete_@all").encode().replace(b"@", bad),
        )
        case(
            "encodings",
            f"{what} in a key",
            "Decoders that drop such bytes read another key.",
            source,
            "json_malformed",
            request(obj(NAME, ARGUMENTS, member("na@me", text(FORBIDDEN)))).encode().replace(b"@", bad),
        )


def surrogates():
    for what, lone in {
        "a high surrogate": "\\ud800",
        "a low surrogate": "\\udc00",
        "a pair in reverse": "\\udc00\\ud800",
        "two high ones": "\\ud800\\ud800",
        "a high one and a letter": "\\ud83da",
    }.items():
        for place, body in (
            ("an argument", call(FORBIDDEN, arguments=f'{{"a":"{lone}"}}')),
            ("an argument's key", call(FORBIDDEN, arguments=f'{{"{lone}":1}}')),
            ("the name", call(FORBIDDEN + lone)),
            ("the method", request(EVIL_PARAMS, "tools/call" + lone)),
            ("the id", call(FORBIDDEN, id=text(lone))),
            ("a key of params", request(obj(EVIL_NAME, ARGUMENTS, member("x" + lone, "1")))),
        ):
            fools = [PY1, PY2_MODERN, *EVERY_TS, *EVERY_GO, MARK3] if place == "an argument" else ()
            case(
                "encodings",
                f"{what} escaped in {place}",
                "A lone surrogate is no character; servers replace or refuse it.",
                "WIRE 2.2 row 'lone surrogate'",
                "json_malformed",
                body,
                fools=fools,
            )
    for what, good in {
        "a pair in escapes": "\\ud83d\\ude00",
        "the same character in UTF-8": "\U0001f600",
        "U+FFFF": "\uffff",
        "an escaped NUL": "\\u0000",
        "DEL": "\x7f",
        "U+2028": "\u2028",
        "a noncharacter": "\ufdd0",
    }.items():
        case(
            "encodings",
            f"honest: {what} in an argument",
            "It is a character like any other.",
            STRICT,
            "granted",
            call(arguments=f'{{"a":"{good}"}}'),
        )


def add():
    encodings()
    utf7()
    invalid_bytes()
    surrogates()
