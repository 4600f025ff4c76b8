"""An independent oracle: what the filter must do with a request, from the documents and not from its source.

Reads cases as JSON lines, `{"policy": …, "caller": …, "now": milliseconds or null, "claims": {metadata key: text},
"head": [[name, value], …], "body": base64 or null}`, and writes for each `{"verdict": …, "answers": {reason: [HTTP
status, JSON-RPC code, id]}, "candidate": …}`. What goes on to the server has no answer. `body: null` is a request
that ends at its head. The candidate's verdict and reasons are given where its verdict is another.

The order of the rules is that of what is known when: who asks, the head, the whole body.
"""

import base64
import json
import re
import sys

import patterns
import policy as policies
import reading
from tokens import Tokens

INVALID, PARSE, MISMATCH = (400, -32600), (400, -32700), (400, -32020)
ANSWERS = {
    **dict.fromkeys(
        ["spiffe_id_malformed", "trust_domain_not_allowed", "caller_unknown", "caller_without_grants", "outside_scope"],
        (403, 403),
    ),
    **dict.fromkeys(
        [
            "token_required",
            "token_unreadable",
            "token_issuer_not_allowed",
            "token_claim_not_met",
            "token_claim_missing",
        ],
        (403, 403),
    ),
    **dict.fromkeys(["json_malformed", "json_too_deep"], PARSE),
    **dict.fromkeys(["header_malformed", "header_mismatch", "header_repeated", "header_unexpected"], MISMATCH),
    **dict.fromkeys(["content_type_unsupported", "content_encoding_unsupported"], (415, -32600)),
    "body_too_large": (413, -32600),
    "verb_not_allowed": (405, -32600),
}
ALLOWED = {"granted", "caller_granted", "exempt_path"}
# Answered in the form that the policy chooses.
DENIED = {
    "tool_denied",
    "tool_not_granted",
    "arguments_not_granted",
    "argument_key_ambiguous",
    "token_tool_not_granted",
    "prompt_not_granted",
    "resource_not_granted",
    "tasks_not_granted",
    "method_not_granted",
    "grant_expired",
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
    policy = case["policy"]
    outcome = Judge(case).outcome()
    if outcome["verdict"] == "deny" and policy.get("enforcement") == "observe":
        outcome["answers"] = dict.fromkeys(outcome["answers"])
    return outcome


class Judge:
    """One request under one policy, and under its candidate."""

    def __init__(self, case):
        self.policy, self.caller = case["policy"], case["caller"]
        self.head = {}
        for name, value in case["head"]:
            self.head.setdefault(name.lower(), []).append(value)
        self.body = None if case["body"] is None else base64.b64decode(case["body"])
        self.verb, self.target = self.head[":method"][0], self.head[":path"][0]
        tokens = Tokens(case, self.head)
        granted = lambda rules: policies.Granted(rules, self.caller, case["now"], tokens)
        self.granted = granted(self.policy)
        self.candidate = granted(self.policy["candidate"]) if "candidate" in self.policy else None

    def outcome(self):
        policy, head = self.policy, self.head
        if exempt(policy, head, self.verb, self.target, self.body):
            return allow("exempt_path")
        refused, told = self.decide(("any", None))
        if refused:
            return deny({reason for reason, _ in refused}, candidate=told)
        if reasons := head_rules(policy, head, self.verb, self.target, self.body):
            return deny(reasons)
        if self.verb != "POST":
            return allow("caller_granted", told)
        if asked := announced(policy, head):
            refused, told = self.decide(asked)
            if refused:
                return self.refuse(refused, None, told)
        return self.judge_body()

    def decide(self, asked):
        """Why the policy refuses, and what the candidate would do if that is something else."""
        refused = self.refusals(self.granted, asked)
        if self.candidate is None:
            return refused, None
        others = self.refusals(self.candidate, asked)
        if bool(others) == bool(refused):
            return refused, None
        reasons = {reason for reason, _ in others} or {reason for reason, _ in policies.decide(self.candidate, asked)}
        return refused, ["deny" if others else "allow", sorted(reasons)]

    def refusals(self, granted, asked):
        domains = self.policy.get("identity", {}).get("trust_domains")
        refusals = {(reason, None) for reason in policies.admit(domains, self.caller, granted)}
        return refusals or {pair for pair in policies.decide(granted, asked) if pair[0] not in ALLOWED}

    def refuse(self, refused, request_id, candidate):
        answers = {}
        for reason, kind in sorted(refused, key=str):
            # Where two kinds of things are refused for one reason, the first decides; both are right.
            answers.setdefault(reason, self.answer(reason, kind, request_id))
        return {"verdict": "deny", "answers": answers, "candidate": candidate}

    def answer(self, reason, kind, request_id):
        """A readable request that is not granted: 403 where no waiting client would see the reply's id."""
        if reason not in DENIED:
            return [*ANSWERS.get(reason, INVALID), None]
        legacy = re.search(r"[?&](session_id|sessionId|sessionid)(=|&|$)", self.target)
        status = 403 if legacy or request_id is None else self.policy.get("denied_status", 200)
        unknown = -32602 if kind in ("tool", "prompt", "resource") else -32601
        return [status, 403 if self.policy.get("disclose", True) else unknown, request_id]

    def judge_body(self):
        policy, body = self.policy, self.body
        if len(body) > limit(policy, "max_body_bytes", 1 << 20):
            return deny({"body_too_large"})
        if not body:
            return deny({"body_missing"})
        if reasons := length_rule(self.head, len(body)):
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
        request_id = message.get("id") if message.has("method") else None
        shown = int(request_id) if isinstance(request_id, reading.Number) else request_id
        mirrors = reading.mirrors(self.head, message)
        reasons = {asked} if isinstance(asked, str) else set()
        if mirrors or reasons:
            return deny(reasons, mirrors, shown)
        refused, told = self.decide(asked)
        if not refused:
            return allow(min(reason for reason, _ in policies.decide(self.granted, asked)), told)
        return self.refuse(refused, shown, told)


def allow(reason, candidate=None):
    return {"verdict": "allow", "answers": {reason: None}, "candidate": candidate}


def deny(reasons, mirrors=(), request_id=None, candidate=None):
    """`mirrors` are reasons for which a message is refused that was read: they are answered under its id."""
    answers = {reason: [*ANSWERS.get(reason, INVALID), None] for reason in sorted(reasons)}
    answers |= {reason: [*ANSWERS.get(reason, INVALID), request_id] for reason in sorted(mirrors)}
    return {"verdict": "deny", "answers": answers, "candidate": candidate}


def exempt(policy, head, verb, target, body):
    speaks_mcp = any(name.startswith("mcp-") or name == "last-event-id" for name in head)
    plain = verb in ("GET", "HEAD") and body is None and not speaks_mcp and not head.keys() & PATH_OVERRIDES
    sound = not common_rules(head) and not length_rule(head, 0)
    return plain and sound and target in policy.get("exempt_paths", [])


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
    return within and "//" not in path and not patterns.ambiguous(path)


def announced(policy, head):
    """What both mirrored headers of a head that would not wait announce, if that may be refused early."""
    if policy.get("hold", "body") != "body" or not policy.get("disclose", True):
        return None
    method, name = (head.get(key, [None])[0] for key in ("mcp-method", "mcp-name"))
    if method not in reading.NAMED_BY or name is None or reading.unsealed(name) is None:
        return None
    kind = {"tools/call": "tool", "prompts/get": "prompt", "resources/read": "resource"}.get(method, "task")
    plain = reading.unsealed(name)
    return kind, (plain, policies.UNREAD) if kind == "tool" else plain


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)
