"""What the areas share: the words for a case, and texts of messages."""

import base64
import re

CASES = []
TAKEN = {}

GRANTED = "get_weather"
FORBIDDEN = "delete_all"
JSON = ["content-type", "application/json"]

PY1 = "python-sdk 1.30.0"
PY2 = "python-sdk 2.3.0 (legacy era)"
PY2_MODERN = "python-sdk 2.3.0 (2026-07-28)"
TS_HTTP = "typescript-sdk 1.32.2 (node http)"
TS_EXPRESS = "typescript-sdk 1.32.2 (express.json)"
TS2 = "typescript-sdk 2.4.0"
GO18 = "go-sdk 1.8.0"
GO13 = "go-sdk 1.3.1"
GO12 = "go-sdk 1.2.0"
MARK3 = "mark3labs/mcp-go 1.2.1"
RMCP = "rmcp 3.x (decoder)"
CSHARP = "csharp-sdk (source)"
JAVA = "java-sdk (source)"
KOTLIN = "kotlin-sdk (source)"
PHP = "php-sdk (source)"
RUBY = "ruby-sdk (source)"
SWIFT = "swift-sdk (source)"
TS_SSE = "typescript-sdk SSE transport (source)"
EVERY_TS = [TS_HTTP, TS_EXPRESS, TS2]
EVERY_GO = [GO18, GO13, GO12]
MEASURED = [PY1, PY2, PY2_MODERN, *EVERY_TS, *EVERY_GO, MARK3]

STATUS = {
    "granted": 200,
    "caller_granted": 200,
    "exempt_path": 200,
    "tool_not_granted": 200,
    "prompt_not_granted": 200,
    "resource_not_granted": 200,
    "tasks_not_granted": 200,
    "method_not_granted": 200,
    "body_too_large": 413,
    "content_type_unsupported": 415,
    "content_encoding_unsupported": 415,
    "verb_not_allowed": 405,
    "outside_scope": 403,
    "caller_unknown": 403,
    "several_uri_sans": 403,
    "certificate_not_validated": 403,
    "client_certificate_required": 403,
}
ALLOWS = {"granted", "caller_granted", "exempt_path"}


def case(area, title, why, source, outcome, body=None, *, fools=(), headers=None, more=(), status=0, **rest):
    """Add a case. `outcome` is a reason code, or `envoy` for what Envoy refuses by itself; `more` are headers beside
    the usual one, `headers` stand in its place."""
    request = {key: rest.pop(key) for key in ("verb", "path", "pseudo") if key in rest}
    request["headers"] = list(headers if headers is not None else [JSON]) + list(more)
    if isinstance(body, str):
        request["body"] = body
    elif isinstance(body, bytes):
        request["body_base64"] = base64.b64encode(body).decode()
    elif body is not None:
        request["body_parts"] = body
    if "framing" in rest:
        request["framing"] = rest.pop("framing")
    if outcome == "envoy":
        expect = {"verdict": "envoy", "reason": None, "status": 400 if status == 0 else status}
    else:
        verdict = "allow" if outcome in ALLOWS else "deny"
        expect = {"verdict": verdict, "reason": outcome, "status": status if status != 0 else STATUS.get(outcome, 400)}
    CASES.append(
        {
            "id": unused(f"{area}/{slug(title)}"),
            "area": area,
            "title": title,
            "why": why,
            "source": source,
            "fools": list(fools),
            "protocols": rest.pop("protocols", ["h1", "h2"]),
            **{key: rest.pop(key) for key in ("policy", "peer", "holds") if key in rest},
            "request": request,
            "expect": expect,
        }
    )
    if rest:
        raise TypeError(f"{title}: {sorted(rest)}")


def unused(id):
    """The id, with a number behind if titles that differ only by signs have taken it."""
    count = TAKEN[id] = TAKEN.get(id, 0) + 1
    return id if count == 1 else f"{id}-{count}"


def slug(title):
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def member(key, value):
    """A member of an object; key and value are JSON texts without and with quotes."""
    return f'"{key}":{value}'


def obj(*members):
    return "{" + ",".join(members) + "}"


def text(value):
    return f'"{value}"'


NAME = member("name", text(GRANTED))
EVIL_NAME = member("name", text(FORBIDDEN))
ARGUMENTS = member("arguments", "{}")
PARAMS = obj(NAME, ARGUMENTS)
EVIL_PARAMS = obj(EVIL_NAME, ARGUMENTS)
HEAD = (member("jsonrpc", text("2.0")), member("id", "1"))
METHOD = member("method", text("tools/call"))


def request(params, method="tools/call", id="1"):
    return obj(
        member("jsonrpc", text("2.0")), member("id", id), member("method", text(method)), member("params", params)
    )


def call(name=GRANTED, arguments="{}", **rest):
    return request(obj(member("name", text(name)), member("arguments", arguments)), **rest)


GOOD = call()
EVIL = call(FORBIDDEN)


def escaped(word, at=0):
    """The word with one character as an escape."""
    return f"{word[:at]}\\u{ord(word[at]):04x}{word[at + 1 :]}"
