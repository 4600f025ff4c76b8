"""Texts that are not strict JSON, numbers, depth and size."""

import json

from .case import *

STRICT = "WIRE 0, rule 3; RFC 8259"
LENIENT = "WIRE 2.2 row 'comments, single quotes, trailing comma'; WIRE 2.3"
DEPTH = "WIRE 2.2 row 'nesting'; WIRE 2.4 row 'depth'"
SIZES = "WIRE 2.4 row 'body over the buffer'; DESIGN 5"


def grammar():
    why = "Lenient parsers read on where strict ones stop, or stop where strict ones read on."
    for what, tail, fools in (
        ("a second document", EVIL, [GO18, GO13]),
        ("a second document on a line of its own", "\n" + EVIL, [GO18, GO13]),
        ("a brace", "}", [GO18, GO13]),
        ("a letter", "x", [GO18, GO13]),
        ("a NUL", "\0", [GO18, GO13]),
        ("a comma", ",", [GO18, GO13]),
        ("a comment", "// x", [RUBY]),
        ("a form feed", "\f", ()),
        ("a no-break space", "\u00a0", ()),
        ("a record separator", "\x1e", ()),
        ("a vertical tab", "\x0b", ()),
        ("a closing bracket", "]", [GO18, GO13]),
    ):
        source = "WIRE 2.2 row 'trailing garbage, second document'; WIRE 2.3, Java: trailing tokens"
        case("grammar", f"{what} after a granted call", why, source, "json_malformed", GOOD + tail)
        case(
            "grammar",
            f"{what} after the forbidden call",
            why,
            source,
            "json_malformed",
            EVIL + tail,
            fools=[*fools, JAVA] if fools else (),
        )
        case(
            "grammar",
            f"{what} before the forbidden call",
            why,
            source,
            "json_malformed",
            tail + EVIL if tail != EVIL else GOOD + EVIL + "\n",
            fools=(),
        )
    case("grammar", "a prefix against JSON hijacking", why, STRICT, "json_malformed", ")]}',\n" + EVIL)
    for what, white in {
        "a line feed behind": ("", "\n"),
        "CRLF around": ("\r\n", "\r\n"),
        "tabs and spaces": ("\t ", " \t"),
    }.items():
        before, behind = white
        case(
            "grammar",
            f"honest: {what}",
            "Go's encoder ends with a line feed.",
            "WIRE 2.4 row 'trailing bytes'",
            "granted",
            before + GOOD + behind,
        )
    spread = GOOD.replace(":", " :\n ").replace(",", " ,\t")
    case("grammar", "honest: white space everywhere", "White space means nothing.", STRICT, "granted", spread)


def dialects():
    why = "Lenient parsers read on where strict ones stop, or stop where strict ones read on."
    table = {
        "a block comment": ('"id":1', '"id":/* */1', [RUBY]),
        "a line comment": ('"id":1', '"id":1 // x\n', [RUBY]),
        "single quotes": ('"delete_all"', "'delete_all'", ()),
        "an unquoted key": ('"name"', "name", [KOTLIN]),
        "an unquoted value": ('"delete_all"', "delete_all", [KOTLIN]),
        "a comma too many": ("{}}", "{},}", ()),
        "a comma missing": ('"id":1,', '"id":1 ', ()),
        "a colon missing": ('"id":1', '"id" 1', ()),
        "NaN": ('"arguments":{}', '"arguments":{"a":NaN}', [PY1, PY2, PY2_MODERN]),
        "Infinity": ('"arguments":{}', '"arguments":{"a":Infinity}', [PY1, PY2, PY2_MODERN]),
        "minus Infinity": ('"arguments":{}', '"arguments":{"a":-Infinity}', [PY1, PY2, PY2_MODERN]),
        "undefined": ('"id":1', '"id":undefined', ()),
        "True": ('"arguments":{}', '"arguments":{"a":True}', ()),
        "a hexadecimal number": ('"id":1', '"id":0x1', ()),
        "a leading zero": ('"id":1', '"id":01', ()),
        "a leading plus": ('"id":1', '"id":+1', ()),
        "a bare fraction": ('"id":1', '"id":.5', ()),
        "a number with a dot behind": ('"id":1', '"id":1.', ()),
        "a bare exponent": ('"id":1', '"id":1e', ()),
        "an underscore in a number": ('"id":1', '"id":1_0', ()),
        "fullwidth digits": ('"id":1', '"id":\uff11', ()),
        "an escape of its own": ("delete_all", "delete\\x5fall", ()),
        "a long escape": ("delete_all", "delete\\u{5f}all", ()),
        "a cut escape": ("delete_all", "delete\\u5fall", ()),
        "an upper-case U": ("delete_all", "delete\\U005fall", ()),
        "an escaped line": ("delete_all", "delete\\\n_all", ()),
        "a raw line feed": ("delete_all", "delete\n_all", ()),
        "a raw NUL": ("delete_all", "delete_all\0", ()),
        "a raw tab": ("delete_all", "delete\t_all", ()),
        "an unended string": ('"arguments":{}}}', '"arguments":{"a":"', ()),
        "an unended object": ("{}}}", "{}}", ()),
        "a number for a key": ('"id":1', "1:1", ()),
        "null for a key": ('"id":1', "null:1", ()),
        "a triple quote": ('"delete_all"', '"""delete_all"""', ()),
        "a list closed by a brace": ("{}", "[}", ()),
    }
    for what, (old, new, fools) in table.items():
        assert old in EVIL, what
        case("grammar", what, why, LENIENT, "json_malformed", EVIL.replace(old, new, 1), fools=fools)
    for what, body in {
        "YAML": "jsonrpc: '2.0'\nid: 1\nmethod: tools/call\n",
        "a form": "name=delete_all&method=tools/call",
        "XML": "<methodCall/>",
        "a word": "null",
        "a text": '"tools/call"',
        "a number": "1",
        "true": "true",
        "white space": " \r\n\t ",
        "MessagePack": b"\x83\xa7jsonrpc\xa32.0",
        "an event": "data: " + EVIL + "\n\n",
        "a multipart body": "--x\r\ncontent-type: application/json\r\n\r\n" + EVIL + "\r\n--x--\r\n",
    }.items():
        reason = (
            "message_not_object"
            if what in ("a word", "a text", "a number", "true")
            else "json_malformed"
        )
        case("grammar", f"{what} for a body", "A body is one JSON object.", STRICT, reason, body)


def numbers():
    why = "Numbers are judged by their grammar and never converted."
    source = "WIRE 2.4 row 'numbers'; RFC 8259 section 6"
    for what, number in {
        "1e999": "1e999",
        "minus 1e999": "-1e999",
        "1e-999": "1e-999",
        "5000 digits": "9" * 5000,
        "2 to the 53 plus 1": "9007199254740993",
        "minus zero": "-0",
        "minus zero point zero": "-0.0",
        "many zeros": "1." + "0" * 400,
        "an exponent with zeros": "1E+0000000001",
        "17 digits": "0.30000000000000004",
        "a huge exponent": "1e" + "9" * 30,
    }.items():
        case("numbers", f"{what} as an argument", why, source, "granted", call(arguments=f'{{"a":{number}}}'))
        case(
            "numbers",
            f"{what} as an argument of the forbidden call",
            why,
            source,
            "tool_not_granted",
            call(FORBIDDEN, arguments=f'{{"a":{number}}}'),
        )


def depths():
    why = "What is too deep to read must not pass: servers read far deeper."
    for what, levels, inside in (
        ("60 lists in the arguments", 60, "arguments"),
        ("61 lists in the arguments", 61, "arguments"),
        ("62 lists in the arguments", 62, "arguments"),
        ("61 lists in _meta", 61, "_meta"),
        ("62 lists in _meta", 62, "_meta"),
        ("190 lists in _meta", 190, "_meta"),
        ("900 lists in _meta", 900, "_meta"),
        ("5000 lists in _meta", 5000, "_meta"),
        ("100000 lists in _meta", 100000, "_meta"),
        ("100000 lists in a vendor's key", 100000, "x"),
    ):
        for tool in (GRANTED, FORBIDDEN):
            before = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}",'
            before += '"x":{"v":' if inside == "x" else f'"{inside}":{{"v":'
            parts = [{"text": before}, {"text": "[", "times": levels}, {"text": "]", "times": levels}, {"text": "}}}"}]
            fits = levels + 3 <= 64
            outcome = ("granted" if tool == GRANTED else "tool_not_granted") if fits else "json_too_deep"
            fools = ()
            if tool == FORBIDDEN and not fits:
                fools = (
                    [
                        *EVERY_TS,
                        *([GO13, GO12, MARK3] if levels <= 5000 else []),
                        *([GO18] if levels <= 900 else []),
                        *([PY1, PY2] if levels <= 190 else []),
                    ]
                    if inside == "_meta"
                    else ()
                )
            case("depth", f"{what}, {tool}", why, DEPTH, outcome, parts, fools=fools)
    parts = [{"text": "[", "times": 65}, {"text": "]", "times": 65}]
    case("depth", "a list in lists for a body", why, DEPTH, "json_too_deep", parts)
    parts = [{"text": '{"result":', "times": 80000}, {"text": "1"}, {"text": "}", "times": 80000}]
    case("depth", "an object in objects for a body", why, DEPTH, "json_too_deep", parts)


def sizes():
    limit = 1024 * 1024
    for tool, outcome in ((GRANTED, "granted"), (FORBIDDEN, "tool_not_granted")):
        before, after = call(tool, arguments='{"p":"@"}').split("@")
        for what, length in (
            ("exactly the limit", limit),
            ("one byte more", limit + 1),
            ("twice the limit", 2 * limit),
        ):
            parts = [{"text": before}, {"text": "x", "times": length - len(before) - len(after)}, {"text": after}]
            for framing in ("plain", "chunked"):
                fits = length <= limit
                case(
                    "sizes",
                    f"{tool}, {what}, {framing}",
                    "The limit is exact, whatever the framing.",
                    SIZES,
                    outcome if fits else "body_too_large",
                    parts,
                    framing=framing,
                )
    why = "Names and ids are bounded, so that replies and pattern matching are."
    case("sizes", "a tool's name of 8192 bytes", why, "DESIGN 3.1", "tool_not_granted", call("x" * 8192))
    case("sizes", "a tool's name of 8193 bytes", why, "DESIGN 3.1", "target_invalid", call("x" * 8193))
    case("sizes", "a method of 256 bytes", why, "DESIGN 3.1", "method_not_granted", request("{}", "x" * 256))
    for count, outcome in ((1022, "granted"), (1023, "params_invalid")):
        members = [NAME, ARGUMENTS, *(member(f"k{index}", "1") for index in range(count))]
        case(
            "sizes",
            f"params with {count + 2} members",
            "Repeated keys are looked for among a bounded number.",
            "DESIGN 5",
            outcome,
            request(obj(*members)),
        )
    members = ",".join(f'"k{index}":{index}' for index in range(3000))
    case(
        "sizes",
        "honest: arguments with 3000 members",
        "The tool's own object is not bounded so.",
        "DESIGN 5",
        "granted",
        call(arguments="{" + members + "}"),
    )
    case(
        "sizes",
        "honest: a letter's text in many scripts",
        "Long text is the ordinary load.",
        "WIRE 2.4",
        "granted",
        call(arguments=json.dumps({"text": "Grüße, 世界, مرحبا, שלום, 🌍. " * 200}, ensure_ascii=False)),
    )


def add():
    grammar()
    dialects()
    numbers()
    depths()
    sizes()
