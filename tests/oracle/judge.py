"""An independent oracle: what the filter must do with a request, from the documents and not from its source.

Reads cases as JSON lines, `{"policy": …, "caller": …, "head": [[name, value], …], "body": base64 or null}`, and
writes for each `{"allow": …, "answers": {reason: [HTTP status, JSON-RPC code, id]}}`. An allow has one reason and no
answer. `body: null` is a request that ends at its head.

The order of the rules is that of what is known when: who asks, the head, the whole body.
"""

import base64
import json
import re
import sys

import policy as policies
import reading

INVALID, PARSE, MISMATCH = (400, -32600), (400, -32700), (400, -32020)
ANSWERS = {
    **dict.fromkeys(
        ["spiffe_id_malformed", "trust_domain_not_allowed", "caller_unknown", "caller_without_grants", "outside_scope"],
        (403, 403),
    ),
    **dict.fromkeys(["json_malformed", "json_too_deep"], PARSE),
    **dict.fromkeys(["header_malformed", "header_mismatch", "header_repeated", "header_unexpected"], MISMATCH),
    **dict.fromkeys(["content_type_unsupported", "content_encoding_unsupported"], (415, -32600)),
    "body_too_large": (413, -32600),
    "verb_not_allowed": (405, -32600),
}
ALLOWED = {"granted", "caller_granted", "exempt_path"}
UNKNOWN = {
    "tool_denied": -32602,
    "tool_not_granted": -32602,
    "prompt_not_granted": -32602,
    "resource_not_granted": -32602,
    "tasks_not_granted": -32601,
    "method_not_granted": -32601,
}

# The longest method, name (in its base64) and version; a version is a date.
MIRRORS = {"mcp-method": 256, "mcp-name": 8192 // 3 * 4 + 16, "mcp-protocol-version": 64}
OVERRIDES = {"x-http-method-override", "x-http-method", "x-method-override"}
PATH_OVERRIDES = {"x-original-url", "x-rewrite-url"}
JUDGED = {
    "content-type",
    "content-encoding",
    "content-length",
    "upgrade",
    "last-event-id",
    "mcp-session-id",
    *MIRRORS,
    *OVERRIDES,
    *PATH_OVERRIDES,
}


def judge(case):
    policy, target = case["policy"], ""
    head = {}
    for name, value in case["head"]:
        head.setdefault(name.lower(), []).append(value)
    body = None if case["body"] is None else base64.b64decode(case["body"])
    verb, target = head[":method"][0], head[":path"][0]
    if exempt(policy, head, verb, target, body):
        return allow("exempt_path")
    granted = policies.Granted(policy, case["caller"])
    if reason := nobody(policy, case["caller"], granted):
        return deny({reason})
    if reasons := head_rules(policy, head, verb, target, body):
        return deny(reasons)
    if verb != "POST":
        return allow("caller_granted")
    if reasons := announced(policy, head, granted):
        return deny(reasons, denied=lambda reason: refusal(policy, reason, target, None))
    return judge_body(policy, head, target, body, granted)


def allow(reason):
    return {"allow": True, "answers": {reason: None}}


def deny(reasons, denied=None):
    def answer(reason):
        if reason in UNKNOWN:
            return denied(reason)
        return [*ANSWERS.get(reason, INVALID), None]

    return {"allow": False, "answers": {reason: answer(reason) for reason in sorted(reasons)}}


def refusal(policy, reason, target, request_id):
    """A readable request that is not granted: 403 where no waiting client would see the reply's id."""
    legacy = re.search(r"[?&](session_id|sessionId)(=|&|$)", target)
    status = 403 if legacy or request_id is None else policy.get("denied_status", 200)
    return [status, 403 if policy.get("disclose", True) else UNKNOWN[reason], request_id]


def exempt(policy, head, verb, target, body):
    speaks_mcp = any(name.startswith("mcp-") or name == "last-event-id" for name in head)
    plain = verb in ("GET", "HEAD") and body is None and not speaks_mcp and not head.keys() & PATH_OVERRIDES
    sound = not common_rules(head) and not length_rule(head, 0)
    return plain and sound and target in policy.get("exempt_paths", [])


def nobody(policy, caller, granted):
    domains = policy.get("identity", {}).get("trust_domains")
    if not policies.spiffe_id(caller):
        return "spiffe_id_malformed"
    if domains is not None and caller.split("/")[2] not in domains:
        return "trust_domain_not_allowed"
    if not granted.known:
        return "caller_unknown"
    return None if granted.anything() else "caller_without_grants"


def common_rules(head):
    reasons = set()
    if head.keys() & OVERRIDES:
        reasons.add("method_override_refused")
    if "upgrade" in head:
        reasons.add("upgrade_refused")
    if any("_" in name and name.replace("_", "-") in JUDGED for name in head):
        reasons.add("header_ambiguous")
    if any(len(head.get(name, [])) > 1 for name in ("mcp-session-id", *MIRRORS)):
        reasons.add("header_repeated")
    if any(len(head.get(name, [""])[0].encode()) > longest for name, longest in MIRRORS.items()):
        reasons.add("header_malformed")
    return reasons


def head_rules(policy, head, verb, target, body):
    reasons = common_rules(head) | (set() if in_scope(policy, head, target) else {"outside_scope"})
    if verb == "POST":
        return reasons | message_rules(policy, head, body)
    if verb not in policy.get("verbs", ["GET", "DELETE"]):
        reasons.add("verb_not_allowed")
    elif body is not None:
        reasons.add("body_not_allowed")
    if "mcp-method" in head or "mcp-name" in head:
        reasons.add("header_unexpected")
    return reasons | length_rule(head, 0)


def length_rule(head, length):
    """`content-length` is one number, and the body's."""
    stated = head.get("content-length", [str(length)])
    good = len(stated) == 1 and re.fullmatch("[0-9]+", stated[0]) and int(stated[0]) == length
    return set() if good else {"content_length_mismatch"}


def message_rules(policy, head, body):
    reasons = set() if body is not None else {"body_missing"}
    json_type = r'application/json[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?'
    types, encodings, lengths = (head.get(f"content-{name}", []) for name in ("type", "encoding", "length"))
    if len(types) != 1 or not re.fullmatch(json_type, types[0], re.I):
        reasons.add("content_type_unsupported")
    if encodings and [value.lower() for value in encodings] != ["identity"]:
        reasons.add("content_encoding_unsupported")
    if lengths and (len(lengths) > 1 or not re.fullmatch("[0-9]+", lengths[0])):
        reasons.add("content_length_mismatch")
    elif lengths and int(lengths[0]) > limit(policy, "max_body_bytes", 1 << 20):
        reasons.add("body_too_large")
    return reasons


def limit(policy, name, default):
    return policy.get("limits", {}).get(name, default)


def in_scope(policy, head, target):
    scope, path = policy.get("scope", {}), target.split("?")[0]
    authority = head[":authority"][0].lower()
    names = [name.lower() for name in scope.get("authorities", [authority])]
    if authority not in names and re.sub(r":[0-9]+\Z", "", authority) not in names:
        return False
    if "path_prefixes" not in scope:
        return True
    if head.keys() & PATH_OVERRIDES:
        return False
    prefixes = [prefix.rstrip("/") for prefix in scope["path_prefixes"]]
    within = any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)
    return within and "//" not in path and not policies.ambiguous(path)


def announced(policy, head, granted):
    """An early refusal, by both mirrored headers of a head that would not wait."""
    if policy.get("hold", "body") != "body" or not policy.get("disclose", True):
        return set()
    method, name = (head.get(key, [None])[0] for key in ("mcp-method", "mcp-name"))
    if method not in reading.NAMED_BY or name is None or reading.unsealed(name) is None:
        return set()
    kinds = {"tools/call": "tool", "prompts/get": "prompt", "resources/read": "resource"}
    return policies.decide(granted, (kinds.get(method, "task"), reading.unsealed(name))) - ALLOWED


def judge_body(policy, head, target, body, granted):
    if len(body) > limit(policy, "max_body_bytes", 1 << 20):
        return deny({"body_too_large"})
    if not body:
        return deny({"body_missing"})
    if reasons := length_rule(head, len(body)):
        return deny(reasons)
    message, reasons = reading.message(body, limit(policy, "max_depth", 64))
    if reasons:
        return deny(reasons)
    method = message.get("method")
    params = message.get("params", reading.Pairs())
    asked = ("any", None) if method is None else policies.target(method, params)
    # A notification has nothing to name: it is known, or an extra method.
    if message.has("method") and not message.has("id") and method not in policies.ANY_GRANT:
        asked = ("method", method)
    reasons = reading.mirrors(head, message) | ({asked} if isinstance(asked, str) else set())
    if reasons:
        return deny(reasons)
    reasons = policies.decide(granted, asked)
    if reasons <= ALLOWED:
        return allow(min(reasons))
    request_id = message.get("id") if message.has("method") else None
    shown = int(request_id) if isinstance(request_id, reading.Number) else request_id
    return deny(reasons, denied=lambda reason: refusal(policy, reason, target, shown))


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
