"""What a body and a head say, read as docs/reasons.md and docs/configuration.md put it.

Every function gives all the reasons for which its part may be refused, as a set: where several rules are broken at
once, no document says which one is named.
"""

import base64
import binascii
import json
import re

ENVELOPE = {"jsonrpc", "id", "method", "params", "result", "error"}
PARAMS = {
    "name",
    "arguments",
    "_meta",
    "task",
    "inputResponses",
    "requestState",
    "uri",
    "taskId",
    "ref",
    "notifications",
}
VERSION = "io.modelcontextprotocol/protocolVersion"
WHITE = "\0\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
MAX_MEMBERS = 1024


class Pairs(list):
    """An object's members in their order, repeated ones too."""

    def get(self, key, default=None):
        for name, value in self:
            if name == key:
                return value
        return default

    def has(self, key):
        return any(name == key for name, _ in self)


class Number(str):
    """A number as it is written."""


class Constant(Number):
    """`NaN` and its like, which Python reads and JSON does not have."""


DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=Constant, strict=True
)


def depth(text):
    """How many brackets are open at once, strings left out."""
    deepest = level = 0
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.S):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
        deepest = max(deepest, level)
    return deepest


def parse(text):
    """The value of a text, and whether the text is JSON; the value of what comes before the fault, if it is not."""
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        return begun(text[: error.pos]), False
    except RecursionError:
        return None, False
    # Python takes half a surrogate pair for a character; UTF-8 has none.
    whole = not re.search("[\ud800-\udfff]", json.dumps(value, ensure_ascii=False))
    return value, whole and not constants(value)


def constants(value):
    if isinstance(value, Pairs):
        return any(constants(item) for _, item in value)
    return any(map(constants, value)) if isinstance(value, list) else isinstance(value, Constant)


def begun(text):
    """What a text has said before it breaks off, as a value; None if that is nothing."""
    strings = list(re.finditer(r'"(?:[^"\\]|\\.)*("|\\?\Z)', text, re.S))
    if strings and strings[-1][1] != '"':
        text = text[: strings[-1].start()]
    brackets = re.findall(r"[\[{\]}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.S))
    closing = []
    for bracket in brackets:
        closing = closing[:-1] if bracket in "]}" else [*closing, "]" if bracket == "[" else "}"]
    for tail in ("", "null", ":null"):
        try:
            return DECODER.decode(text.rstrip(" \t\r\n,") + tail + "".join(reversed(closing)))
        except ValueError:
            continue
    return None


def folded(key):
    """As servers that bind names without case do; Java takes both odd i for one, beside Unicode's simple folding."""
    simple = (c.casefold() if len(c.casefold()) == 1 else c for c in key.strip(WHITE))
    return "".join(simple).replace("\u0130", "i").replace("\u0131", "i")


def keys_of(pairs, known):
    """Why an object that the decision reads may be refused for its keys."""
    keys = [key for key, _ in pairs]
    loose = {folded(key) for key in known}
    reasons = set()
    if len(keys) > MAX_MEMBERS:
        reasons.add("params_invalid")
    if len(set(keys)) < len(keys):
        reasons.add("key_repeated")
    if any(key not in known and folded(key) in loose or key == "__proto__" for key in keys):
        reasons.add("key_ambiguous")
    return reasons


def id_of(value):
    if isinstance(value, Number):
        good = re.fullmatch(r"-?\d+", value) and abs(int(value)) < 2**53
    else:
        good = isinstance(value, str) and len(value.encode()) <= 1024
    return set() if good else {"id_invalid"}


def params_of(params):
    if not isinstance(params, Pairs):
        return {"params_invalid"}
    reasons = keys_of(params, PARAMS)
    for name, value in params:
        if name == "_meta":
            reasons |= keys_of(value, {VERSION}) if isinstance(value, Pairs) else {"params_invalid"}
        elif name == "ref" and isinstance(value, Pairs):
            reasons |= keys_of(value, {"type", "name", "uri"})
        elif name == "notifications" and isinstance(value, Pairs):
            reasons |= keys_of(value, {"resourceSubscriptions", "taskIds"})
    return reasons


def message(body, max_depth):
    """The members of the one message in a body, and why it may be refused.

    No document says whether a broken text is told from a broken message first. A reader that stops at the first
    fault may name what it has read until then, so for a broken text these reasons count too.
    """
    try:
        text, decoded = body.decode("utf-8"), True
    except UnicodeDecodeError as error:
        text, decoded = body[: error.start].decode("utf-8"), False
    value, whole = parse(text)
    reasons = {"json_too_deep"} if depth(text) > max_depth else set()
    if isinstance(value, Pairs):
        reasons |= envelope(value)
    else:
        reasons |= {{"[": "batch_refused"}.get(text.lstrip(" \t\r\n")[:1], "message_not_object")}
    if not (decoded and whole):
        reasons |= {"json_malformed"}
    return value, reasons


def envelope(value):
    reasons = keys_of(value, ENVELOPE)
    if any(key not in ENVELOPE for key, _ in value):
        # A look-alike is such a member as well, and either reason is true of it.
        reasons.add("member_unknown")
    if value.get("jsonrpc") != "2.0" or isinstance(value.get("jsonrpc"), Number):
        reasons.add("jsonrpc_version_invalid")
    for key, member in value:
        if key == "id":
            reasons |= id_of(member)
        elif key == "params":
            reasons |= params_of(member)
        elif key == "method":
            good = isinstance(member, str) and not isinstance(member, Number)
            if not (good and 1 <= len(member.encode()) <= 256 and "\0" not in member):
                reasons.add("method_invalid")
    answers = value.has("result") + value.has("error")
    if value.has("method"):
        notifies = str(value.get("method")).startswith("notifications/")
        if answers:
            reasons.add("message_ambiguous")
        if notifies and value.has("id"):
            reasons.add("id_forbidden")
        if not notifies and not value.has("id"):
            reasons.add("id_missing")
    else:
        if answers != 1 or value.has("params"):
            reasons.add("message_ambiguous")
        if answers and not value.has("id"):
            reasons.add("id_missing")
    return reasons


def unsealed(value):
    """A header's value without its base64 sentinel; None if that is broken."""
    sealed = re.fullmatch(r"=\?base64\?(.*)\?=", value, re.S)
    if not sealed:
        return value
    try:
        plain = base64.b64decode(sealed[1], validate=True)
        # Python passes over stray bits and padding.
        return plain.decode() if base64.b64encode(plain).decode() == sealed[1] else None
    except (binascii.Error, ValueError):
        return None


def text(value):
    return isinstance(value, str) and not isinstance(value, Number)


def mirrors(head, value):
    """Why the mirrored headers may be refused beside a good message; each stands at most once by now."""
    method, name, version = (head.get(key, [None])[0] for key in ("mcp-method", "mcp-name", "mcp-protocol-version"))
    said = value.get("method")
    if said is None:
        return {"header_unexpected"} if method is not None or name is not None else set()
    params = value.get("params", Pairs())
    reasons = set()
    if method is not None and method != said:
        reasons.add("header_mismatch")
    if name is not None:
        plain = unsealed(name)
        if said not in NAMED_BY:
            reasons.add("header_unexpected")
        if plain is None:
            reasons.add("header_malformed")
        elif said in NAMED_BY and not same(plain, params.get(NAMED_BY[said])):
            reasons.add("header_mismatch")
    meta = params.get("_meta", Pairs())
    if version is not None and meta.has(VERSION) and not same(version, meta.get(VERSION)):
        reasons.add("header_mismatch")
    return reasons


def same(header, said):
    return text(said) and header == said
