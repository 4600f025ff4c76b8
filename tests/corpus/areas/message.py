"""Envelope, ids and batches."""

from .case import *

ENVELOPE = "WIRE 0, rule 4; WIRE 2.4 rows 'hybrid' and 'object without method'; JSON-RPC 2.0 sections 4 and 5"
BATCH = "WIRE 0, rule 8; WIRE 2.2 rows 'batch'; stacklok/toolhive issue 5745"
IDS = "WIRE 2.4 row 'id'; JSON-RPC 2.0 section 4; RFC 8259 section 6"


def envelopes():
    result, error = member("result", "{}"), member("error", '{"code":1,"message":"m"}')
    evil = (*HEAD, METHOD, member("params", EVIL_PARAMS))
    hybrid = "Servers decide by different members whether this is a call or an answer."
    case(
        "envelope",
        "a call with a result after it",
        hybrid,
        "WIRE 2.2 row 'result + method'",
        "message_ambiguous",
        obj(*evil, result),
        fools=[PY1, PY2, *EVERY_GO, JAVA],
    )
    case(
        "envelope",
        "a call with a result before it",
        hybrid,
        "WIRE 2.2 row 'result + method'",
        "message_ambiguous",
        obj(result, *evil),
        fools=[PY1, PY2, *EVERY_GO, JAVA],
    )
    case(
        "envelope",
        "a call with an error after it",
        hybrid,
        "WIRE 2.2 row 'error + method'",
        "message_ambiguous",
        obj(*evil, error),
        fools=[*EVERY_GO, MARK3, JAVA],
    )
    case(
        "envelope",
        "a call with an error before it",
        hybrid,
        "WIRE 2.2 row 'error + method'",
        "message_ambiguous",
        obj(error, *evil),
        fools=[*EVERY_GO, MARK3, JAVA],
    )
    case(
        "envelope",
        "a granted call with a result",
        hybrid,
        ENVELOPE,
        "message_ambiguous",
        obj(*HEAD, METHOD, member("params", PARAMS), result),
    )
    case(
        "envelope",
        "a call with a null result",
        hybrid,
        ENVELOPE,
        "message_ambiguous",
        obj(*evil, member("result", "null")),
    )
    for what, members in {
        "both result and error": (*HEAD, result, error),
        "neither method nor result": HEAD,
        "an answer with params": (*HEAD, result, member("params", PARAMS)),
        "params alone": (*HEAD, member("params", EVIL_PARAMS)),
        "nothing but a version": HEAD[:1],
    }.items():
        case(
            "envelope",
            f"{what}",
            "Only an exact call or an exact answer has one reading.",
            ENVELOPE,
            "message_ambiguous",
            obj(*members),
        )
    case("envelope", "an empty object", "A message says its version.", ENVELOPE, "jsonrpc_version_invalid", "{}")
    case(
        "envelope",
        "an answer without id",
        "An answer belongs to a request.",
        ENVELOPE,
        "id_missing",
        obj(HEAD[0], result),
    )
    for what, version in {
        "1.0": '"1.0"',
        "the number 2": "2.0",
        "empty": '""',
        "null": "null",
        "2.0 and a space": '"2.0 "',
        "2.00": '"2.00"',
        "a list": '["2.0"]',
        "2": '"2"',
    }.items():
        case(
            "envelope",
            f"jsonrpc is {what}",
            "Lenient servers answer any version.",
            ENVELOPE,
            "jsonrpc_version_invalid",
            obj(member("jsonrpc", version), HEAD[1], METHOD, member("params", EVIL_PARAMS)),
        )
    case(
        "envelope",
        "jsonrpc is missing",
        "Lenient servers answer any version.",
        ENVELOPE,
        "jsonrpc_version_invalid",
        obj(HEAD[1], METHOD, member("params", EVIL_PARAMS)),
    )
    case(
        "envelope",
        "jsonrpc in escapes is 2.0",
        "Escapes are undone before comparing.",
        ENVELOPE,
        "granted",
        obj(member("jsonrpc", '"\\u0032.\\u0030"'), HEAD[1], METHOD, member("params", PARAMS)),
    )
    for extra in ("_meta", "name", "tool", "headers", "sessionId", "x", "", "Params", "protocolVersion"):
        case(
            "envelope",
            f"an unknown member {extra!r} beside",
            "Unknown members are where dialects differ.",
            ENVELOPE,
            "member_unknown",
            obj(*HEAD, METHOD, member("params", PARAMS), member(extra, EVIL_PARAMS)),
        )
    for what, params in {
        "a list": f"[{text(FORBIDDEN)}]",
        "a string": text(FORBIDDEN),
        "null": "null",
        "a number": "1",
        "true": "true",
        "a list of objects": f"[{EVIL_PARAMS}]",
    }.items():
        case(
            "envelope",
            f"params is {what}",
            "Positional params name no tool that all servers agree on.",
            ENVELOPE,
            "params_invalid",
            request(params),
        )
        case(
            "envelope",
            f"params._meta is {what}",
            "The version to compare with stands in an object.",
            ENVELOPE,
            "params_invalid",
            request(obj(NAME, ARGUMENTS, member("_meta", params))),
        )
    case("envelope", "a call without params", "It names no tool.", ENVELOPE, "target_invalid", obj(*HEAD, METHOD))
    orders = {
        "method last": [0, 1, 3, 2],
        "params first": [3, 0, 1, 2],
        "id last": [0, 2, 3, 1],
        "all backwards": [3, 2, 1, 0],
    }
    for what, order in orders.items():
        for outcome, params in (("granted", PARAMS), ("tool_not_granted", EVIL_PARAMS)):
            members = (*HEAD, METHOD, member("params", params))
            case(
                "envelope",
                f"{what}: {outcome}",
                "The order of members means nothing (RFC 8259, section 4).",
                ENVELOPE,
                outcome,
                obj(*(members[at] for at in order)),
            )


def ids():
    for what, id in {
        "true": "true",
        "null": "null",
        "a list": "[1]",
        "an object": "{}",
        "a fraction": "1.5",
        "1.0": "1.0",
        "an exponent": "1e0",
        "2 to the 53": "9007199254740992",
        "minus 2 to the 53": "-9007199254740992",
        "30 digits": "1" * 30,
        "false": "false",
        "1025 bytes": text("x" * 1025),
    }.items():
        fools = {"true": [MARK3], "a list": [MARK3], "an object": [MARK3], "a fraction": [*EVERY_GO, MARK3]}
        case(
            "ids",
            f"id is {what}",
            "Servers read such an id in their own ways, or take the call for a notification.",
            IDS,
            "id_invalid",
            call(FORBIDDEN, id=id),
            fools=fools.get(what, ()),
        )
        case(
            "ids",
            f"id of a granted call is {what}",
            "The reply must carry the id exactly.",
            IDS,
            "id_invalid",
            call(id=id),
        )
    for what, id in {
        "0": "0",
        "minus 1": "-1",
        "2 to the 53 less 1": "9007199254740991",
        "minus 2 to the 53 plus 1": "-9007199254740991",
        "an empty string": '""',
        "a UUID": text("6f1c3a58-5a0e-4c7e-9f0c-2f6f0c1d7b9a"),
        "a string with escapes": '"\\u0061\\/\\n\\u0000"',
        "minus 0": "-0",
        "a string of digits": '"007"',
        "1024 bytes": text("x" * 1024),
    }.items():
        case(
            "ids",
            f"honest id: {what}",
            "SDKs use small integers and short strings; 0 is common.",
            IDS,
            "granted",
            call(id=id),
        )
        case(
            "ids",
            f"id of a refused call: {what}",
            "A readable refusal keeps the id.",
            IDS,
            "tool_not_granted",
            call(FORBIDDEN, id=id),
        )
    case(
        "ids",
        "a call without id",
        "Decoders take it for a notification, some run it all the same.",
        "WIRE 2.2 row 'call without id'",
        "id_missing",
        obj(HEAD[0], METHOD, member("params", EVIL_PARAMS)),
    )
    case(
        "ids",
        "a granted call without id",
        "Nobody could be answered.",
        IDS,
        "id_missing",
        obj(HEAD[0], METHOD, member("params", PARAMS)),
    )
    case(
        "ids",
        "a notification with an id",
        "Half request, half notification.",
        IDS,
        "id_forbidden",
        request("{}", "notifications/initialized"),
    )


def batches():
    why = "A gateway that looks at one message lets the others through."
    runs = [*EVERY_TS, *EVERY_GO]
    for what, body, fools in (
        ("the forbidden call alone", f"[{EVIL}]", runs),
        ("harmless, then forbidden", f"[{GOOD},{EVIL}]", runs),
        ("forbidden, then harmless", f"[{EVIL},{GOOD}]", runs),
        ("harmless alone", f"[{GOOD}]", ()),
        ("nested", f"[[{EVIL}]]", ()),
        ("empty", "[]", ()),
        ("a notification and the call", '[{"jsonrpc":"2.0","method":"notifications/initialized"},' + EVIL + "]", runs),
        ("answers", '[{"jsonrpc":"2.0","id":1,"result":{}}]', ()),
        ("after white space", f" \r\n\t[{EVIL}]", runs),
        ("something else in it", f'[1,"x",{EVIL}]', ()),
    ):
        case("batches", what, why, BATCH, "batch_refused", body, fools=fools)
        for version in ("2025-03-26", "2025-11-25", "2026-07-28"):
            live = [it for it in fools if it in EVERY_TS and version == "2025-11-25"]
            case(
                "batches",
                f"{what}, under {version}",
                why,
                "WIRE 2.2 rows 'batch under header'",
                "batch_refused",
                body,
                more=[["mcp-protocol-version", version]],
                fools=live,
            )
    source = "WIRE 2.3, PHP: an object whose keys are 0, 1, … is a batch; WIRE 2.4 row 'object without method'"
    listed = "PHP decodes this object as a list of messages."
    case("batches", "a list as a PHP object", listed, source, "member_unknown", obj(member("0", EVIL)), fools=[PHP])
    case(
        "batches",
        "a list of two as a PHP object",
        listed,
        source,
        "member_unknown",
        obj(member("0", GOOD), member("1", EVIL)),
        fools=[PHP],
    )
    case("batches", "a PHP list behind a version", listed, source, "member_unknown", obj(HEAD[0], member("0", EVIL)))
    case(
        "batches",
        "a PHP list with an escaped key",
        listed,
        source,
        "member_unknown",
        obj(member("\\u0030", EVIL)),
        fools=[PHP],
    )


def add():
    envelopes()
    ids()
    batches()
