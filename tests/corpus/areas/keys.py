"""Repeated keys, and keys that only look like one that is read."""

from .case import *

DUPLICATES = "WIRE 2.2 row 'duplicate name'; RFC 8259 section 4; PROOF of Envoy's own filter: PR 45202"
EVERY_READER = [*MEASURED, RMCP]
FOLDING = "WIRE 2.2 rows 'name + Name', 'params + param\u017f'; GHSA-wvj2-96wp-fq3f (CVE-2026-27896)"
NUL = "WIRE 2.2 row 'name + name\\u0000'; GHSA-q382-vc8q-7jhj"
WHY_TWICE = "Parsers keep the first or the last of two equal keys: what one judges, another does not run."
WHY_ALIKE = "Parsers that bind keys loosely take this for the real key, and the last one wins."

# Each object that the decision reads: a message around it, and values of its keys, harmless and not.
META = "io.modelcontextprotocol/protocolVersion"
OBJECTS = {
    "envelope": {
        "jsonrpc": (text("2.0"), text("1.0")),
        "id": ("1", "2"),
        "method": (text("tools/list"), text("tools/call")),
        "params": (PARAMS, EVIL_PARAMS),
    },
    "params": {
        "name": (text(GRANTED), text(FORBIDDEN)),
        "arguments": ("{}", obj(member("all", "true"))),
        "_meta": ("{}", obj(member("progressToken", "1"))),
        "uri": (text("a:b"), text("a:c")),
        "taskId": (text("a"), text("b")),
        "ref": ("{}", obj(member("name", text("x")))),
        "notifications": ("{}", obj(member("taskIds", '["x"]'))),
        "task": ("{}", obj(member("ttl", "1"))),
        "inputResponses": ("{}", obj(member("a", "1"))),
        "requestState": (text("a"), text("b")),
        "vendorKey": ("1", "2"),
    },
    "_meta": {META: (text("2025-11-25"), text("2026-07-28")), "progressToken": ("1", "2")},
    "ref": {
        "type": (text("ref/prompt"), text("ref/resource")),
        "name": (text("refund_a"), text("secret")),
        "uri": (text("file:///invoices/1"), text("file:///etc/passwd")),
    },
    "notifications": {
        "resourceSubscriptions": ('["file:///invoices/1"]', '["file:///etc/passwd"]'),
        "taskIds": ("[]", '["x"]'),
    },
}
# The peers whose grants make everything but the trick itself allowed.
PEER = {"ref": {"peer": "billing-bot"}, "notifications": {"peer": "billing-bot"}}


def around(place, members):
    """A whole message with these members in the object, and all else as it should be."""
    present = {part.split('"')[1] for part in members}
    if place == "envelope":
        rest = [part for part in (*HEAD, METHOD, member("params", PARAMS)) if part.split('"')[1] not in present]
        return obj(*rest, *members)
    if place == "params":
        rest = [part for part in (NAME, ARGUMENTS) if part.split('"')[1] not in present]
        return request(obj(*rest, *members))
    if place == "_meta":
        return request(obj(NAME, ARGUMENTS, member("_meta", obj(*members))))
    if place == "ref":
        rest = [
            part
            for part in (member("type", text("ref/prompt")), member("name", text("refund_a")))
            if part.split('"')[1] not in present and not {"uri"} & present
        ]
        params = obj(member("ref", obj(*rest, *members)), member("argument", '{"name":"a","value":"b"}'))
        return request(params, "completion/complete")
    return request(obj(member("notifications", obj(*members))), "subscriptions/listen")


def duplicates():
    for place, keys in OBJECTS.items():
        for key, (good, bad) in keys.items():
            fools = EVERY_READER if (place, key) == ("params", "name") else ()
            if place == "envelope" and key in ("method", "params"):
                fools = [PY1, PY2, *EVERY_TS, *EVERY_GO, MARK3]
            spellings = {
                "": key,
                ", once escaped": escaped(key),
                ", its last letter escaped": escaped(key, -1 % len(key)),
            }
            for how, other in spellings.items():
                for order, values in {"harmless first": (good, bad), "harmless last": (bad, good)}.items():
                    case(
                        "keys-twice",
                        f"{place}: {key} twice{how}, {order}",
                        WHY_TWICE,
                        DUPLICATES,
                        "key_repeated",
                        around(place, [member(key, values[0]), member(other, values[1])]),
                        fools=fools if (how, order) == ("", "harmless first") else (),
                        **PEER.get(place, {}),
                    )
            case(
                "keys-twice",
                f"{place}: {key} twice with one value",
                "Even equal values are no message of an SDK.",
                DUPLICATES,
                "key_repeated",
                around(place, [member(key, good), member(key, good)]),
                **PEER.get(place, {}),
            )
    case(
        "keys-twice",
        "params: name three times",
        WHY_TWICE,
        DUPLICATES,
        "key_repeated",
        request(obj(NAME, EVIL_NAME, NAME)),
        fools=(),
    )
    case(
        "keys-twice",
        "params: name twice with the arguments between",
        WHY_TWICE,
        DUPLICATES,
        "key_repeated",
        request(obj(NAME, ARGUMENTS, EVIL_NAME)),
        fools=EVERY_READER,
    )
    case(
        "keys-twice",
        "envelope: params twice around the method",
        WHY_TWICE,
        DUPLICATES,
        "key_repeated",
        obj(*HEAD, member("params", PARAMS), METHOD, member("params", EVIL_PARAMS)),
        fools=[PY1, PY2, *EVERY_TS, *EVERY_GO, MARK3],
    )


VARIANTS = {
    "its first letter in upper case": lambda key: key[0].upper() + key[1:],
    "all in upper case": str.upper,
    "with a NUL behind": lambda key: key + "\\u0000",
    "with a NUL before": lambda key: "\\u0000" + key,
    "with a space behind": lambda key: key + " ",
    "with a space before": lambda key: " " + key,
    "with a tab behind": lambda key: key + "\\t",
    "with a line feed before": lambda key: "\\n" + key,
    "with a no-break space behind": lambda key: key + "\\u00a0",
    "with an em space before": lambda key: "\u2003" + key,
    "with NUL and space around": lambda key: "\\u0000 " + key + " \\u0000",
    "with a long s": lambda key: key.replace("s", "\u017f", 1),
    "with a long s, escaped": lambda key: key.replace("s", "\\u017f", 1),
    "with a Kelvin sign": lambda key: key.replace("k", "\u212a", 1),
}
LIVE = {
    ("envelope", "method", "its first letter in upper case"): [GO12, MARK3],
    ("envelope", "params", "with a long s"): [GO12, MARK3],
    ("params", "name", "its first letter in upper case"): [GO12, MARK3, CSHARP],
    ("params", "name", "all in upper case"): [CSHARP],
    ("params", "name", "with a NUL behind"): [GO13],
}


def look_alikes():
    for place, keys in OBJECTS.items():
        for key, (good, bad) in keys.items():
            if key in ("vendorKey", "progressToken"):
                continue
            for how, spell in VARIANTS.items():
                other = spell(key)
                if other == key:
                    continue
                reason = "member_unknown" if place == "envelope" else "key_ambiguous"
                source = NUL if "NUL" in how else FOLDING
                case(
                    "keys-alike",
                    f"{place}: {key} {how}, after the real one",
                    WHY_ALIKE,
                    source,
                    reason,
                    around(place, [member(key, good), member(other, bad)]),
                    fools=LIVE.get((place, key, how), ()),
                    **PEER.get(place, {}),
                )
                if key in ("name", "method", "params", "uri", META, "resourceSubscriptions"):
                    case(
                        "keys-alike",
                        f"{place}: {key} {how}, before the real one",
                        WHY_ALIKE,
                        source,
                        reason,
                        around(place, [member(other, bad), member(key, good)]),
                        **PEER.get(place, {}),
                    )
    case(
        "keys-alike",
        "envelope: only METHOD",
        WHY_ALIKE,
        "WIRE 2.2 row 'method + Method, only METHOD'",
        "member_unknown",
        obj(*HEAD, member("METHOD", text("tools/call")), member("params", EVIL_PARAMS)),
        fools=[GO12, MARK3],
    )
    case(
        "keys-alike",
        "params: only Name",
        WHY_ALIKE,
        FOLDING,
        "key_ambiguous",
        request(obj(member("Name", text(FORBIDDEN)), ARGUMENTS)),
        fools=[CSHARP],
    )
    case(
        "keys-alike",
        "params: only NAME, escaped",
        WHY_ALIKE,
        FOLDING,
        "key_ambiguous",
        request(obj(member("\\u004eAME", text(FORBIDDEN)), ARGUMENTS)),
        fools=[CSHARP],
    )


HARMLESS = {
    "fullwidth letters": "\uff4e\uff41\uff4d\uff45",
    "a Cyrillic letter": "n\u0430me",
    "a combining mark": "name\u0301",
    "a zero-width space": "na\u200bme",
    "a dotless i elsewhere": "name\u0131",
    "a plural": "names",
    "an underscore": "_name",
    "a space within": "na me",
}


def harmless():
    source = "WIRE 2.2, note on name variants that ran nothing anywhere; WIRE 2.4 row 'Unicode look-alikes'"
    for what, key in HARMLESS.items():
        case(
            "keys-other",
            f"params: a key with {what}",
            "No server takes this key for `name`, so it is a vendor's own.",
            source,
            "granted",
            request(obj(NAME, ARGUMENTS, member(key, text(FORBIDDEN)))),
        )
        case(
            "keys-other",
            f"params: {what} in place of name",
            "Without `name` the call names no tool.",
            source,
            "target_invalid",
            request(obj(member(key, text(FORBIDDEN)), ARGUMENTS)),
        )
    own = "WIRE 2.4 row 'same, inside arguments': tools own these names"
    for key in ("Name", "NAME", "name", "method", "params", "jsonrpc", "_meta", "name\\u0000", "arguments", " name "):
        case(
            "keys-other",
            f"arguments: {key.replace(chr(92), '')!r} is the tool's own",
            "What stands in the arguments names no tool.",
            own,
            "granted",
            call(arguments=obj(member(key, text(FORBIDDEN)))),
        )
    case(
        "keys-other",
        "arguments: a key twice is the tool's own",
        "The decision does not look there.",
        own,
        "granted",
        call(arguments='{"city":"Bern","city":"Basel","City":"Rome"}'),
    )
    case(
        "keys-other",
        "arguments: a whole call as a value",
        "A value is not a message.",
        own,
        "granted",
        call(arguments=obj(member("call", EVIL))),
    )
    case(
        "keys-other",
        "arguments: a whole call as text",
        "A text is not a message.",
        own,
        "granted",
        call(arguments='{"call":"{\\"method\\":\\"tools/call\\",\\"params\\":{\\"name\\":\\"delete_all\\"}}"}'),
    )


def add():
    duplicates()
    look_alikes()
    harmless()
