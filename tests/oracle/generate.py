"""Random cases for the judge: python3 generate.py SEED COUNT. Same seed, same cases.

Most start as an honest call of something that the caller has, written in one of the many ways JSON allows; about
half of them are then broken in one place, a few in two.
"""

import base64
import random
import sys

import breaking
import policy as policies
import words
from features import MOMENTS, Features
from writing import Obj, write


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.features = Features(self)

    def chance(self, share):
        return self.random.random() < share

    def some(self, items, most):
        return self.random.sample(items, self.random.randint(0, most))

    def policy(self):
        policy = {}
        optional = {
            "hold": ["headers", "body"],
            "denied_status": [403, 200],
            "verbs": [[], ["GET"], ["GET", "OPTIONS", "DELETE"]],
            "exempt_paths": [["/healthz"]],
            "limits": [{"max_body_bytes": 1500}, {"max_depth": 6}],
            "identity": [
                {"trust_domains": ["a.test"]},
                {"verification": "listener"},
                {"trust_domains": ["b.test", "a.test"]},
            ],
            "scope": [
                {"authorities": ["mcp.test"]},
                {"path_prefixes": ["/mcp"]},
                {"authorities": ["MCP.test:8080", "mcp.test"], "path_prefixes": ["/mcp", "/messages"]},
            ],
        }
        policy |= {key: self.random.choice(values) for key, values in optional.items() if self.chance(0.3)}
        domains = policy.get("identity", {}).get("trust_domains", ["a.test", "b.test", "c.test"])
        patterns = [pattern for pattern in words.PATTERNS if pattern.split("/")[2] in domains]
        patterns = self.random.sample(patterns, self.random.randint(3, 8))
        policy |= self.rules(patterns)
        if self.chance(0.2):
            policy["candidate"] = self.rules(self.random.sample(patterns, self.random.randint(1, len(patterns))))
        if self.chance(0.1):
            policy["enforcement"] = "observe"
        if self.chance(0.2):
            policy.pop("denied_status", None)
            policy["disclose"] = False
        return policy

    def rules(self, patterns):
        rules = {"callers": {pattern: self.entry() for pattern in patterns}}
        if self.chance(0.75):
            self.features.add_to(rules, patterns)
        return rules

    def entry(self):
        tools = self.some(words.TOOL_PATTERNS, 5)
        if self.chance(0.3):
            return tools
        tools = [{"name": tool} if self.chance(0.2) else tool for tool in tools]
        entry = {
            "tools": tools,
            "prompts": self.some(words.TOOL_PATTERNS, 5),
            "resources": self.some(words.URI_PATTERNS, 5),
            "tasks": self.random.choice([False, True, "list"]),
            "extra_methods": self.some(words.EXTRAS, 2),
        }
        if self.chance(0.08):
            entry = {"deny_tools": self.some(words.TOOL_PATTERNS, 3)}
        elif self.chance(0.3):
            entry["deny_tools"] = self.some(words.TOOL_PATTERNS[1:], 2)
        return {key: value for key, value in entry.items() if self.chance(0.9)}

    def caller(self, policy):
        if self.chance(0.03):
            return self.random.choice(words.NOBODIES)
        if self.chance(0.07):
            return self.random.choice(words.CALLERS)
        pattern = self.random.choice(sorted(policy["callers"]))
        if pattern.startswith("set:"):
            pattern = self.random.choice(policy["caller_sets"][pattern[4:]] or words.CALLERS)
        return pattern.replace("**", self.random.choice(["x", "x/y"])).replace("*", self.random.choice(["bot", "gent"]))

    def name(self, policy, caller, kind, words):
        """Mostly something that the caller is granted, with its stars filled."""
        items = [grant.covers for grant in policies.Granted(policy, caller, None, None).grants(kind)]
        if not items or self.chance(0.25):
            return self.random.choice(words)
        filled = self.random.choice(items).replace("**", self.random.choice(["1", "x/1", ""]))
        return filled.replace("*", self.random.choice(["x", "", "get_1", "invoices"]))

    def tool_call(self, policy, caller):
        tool = self.name(policy, caller, "tools", words.TOOLS)
        params = Obj(name=tool)
        arguments = self.features.arguments(policy, caller, tool) if self.chance(0.75) else self.value(3)
        if arguments is not None:
            params.set("arguments", arguments)
        return "tools/call", params

    def call(self, policy, caller):
        """A method and its parameters, as an official client would send them."""
        uri = lambda: self.name(policy, caller, "resources", words.URIS)
        prompt = lambda: self.name(policy, caller, "prompts", words.TOOLS)
        kind = self.random.choices(range(9), [45, 8, 10, 6, 6, 9, 8, 4, 4])[0]
        if kind == 0:
            return self.tool_call(policy, caller)
        if kind == 1:
            return "prompts/get", Obj(name=prompt(), arguments=Obj(x="1"))
        if kind == 2:
            return self.random.choice(["resources/read", "resources/subscribe", "resources/unsubscribe"]), Obj(
                uri=uri()
            )
        if kind == 3:
            ref = Obj(type="ref/prompt", name=prompt()) if self.chance(0.5) else Obj(type="ref/resource", uri=uri())
            return "completion/complete", Obj(ref=ref, argument=Obj(name="x", value="y"))
        if kind == 4:
            method = self.random.choice(["get", "result", "update", "cancel", "list"])
            return f"tasks/{method}", Obj() if method == "list" else Obj(taskId="t-1")
        if kind == 5:
            return self.random.choice(words.LIFECYCLE), Obj(cursor="1")
        if kind == 6:
            return self.random.choice(words.NOTICES * 2 + words.EXTRAS), Obj(x=1)
        if kind == 7:
            wanted = Obj(resourceSubscriptions=[uri() for _ in range(self.random.randint(0, 2))])
            if self.chance(0.5):
                wanted.set("taskIds", ["t-1"] * self.random.randint(0, 2))
            return "subscriptions/listen", Obj(notifications=wanted)
        return (
            self.random.choice(["tools/Call", "tools/call ", "words.TOOLS/CALL", "rpc.discover", "vendor/pong", "x"]),
            Obj(),
        )

    def value(self, depth):
        choice = self.random.randint(0, 8 if depth else 5)
        if choice > 6:
            keys = [self.random.choice(["a", "Name", "name", "ö", ""]) for _ in range(2)]
            return Obj(*[(key, self.value(depth - 1)) for key in keys])
        return [0, 1e-3, 'text \u2028"\\/\x7f', None, True, 2**70, [1, "x"]][choice]

    def message(self, policy, caller):
        method, params = self.call(policy, caller)
        if self.chance(0.03):
            answer = ("result", Obj(content=[])) if self.chance(0.5) else ("error", Obj(code=-1, message="no"))
            return Obj(("jsonrpc", "2.0"), ("id", 1), answer)
        if self.chance(0.2):
            params.set("_meta", Obj((words.VERSION, "2026-07-28"), ("progressToken", 1)))
        message = Obj(("jsonrpc", "2.0"), ("id", self.id()), ("method", method), ("params", params))
        if method.startswith("notifications/"):
            message.drop("id")
        if not params and self.chance(0.5):
            message.drop("params")
        return message

    def id(self):
        return self.random.choice([0, 1, 7, -3, 2**53 - 1, "a", "", 'ö"', "x" * 1024])

    def mirrored(self, message):
        """The headers that repeat an honest message."""
        method, params = message.get("method"), message.get("params") or Obj()
        if method is None or not method.isascii():
            return []
        head = [("mcp-method", method)]
        key = {
            "tools/call": "name",
            "prompts/get": "name",
            "resources/read": "uri",
            "tasks/get": "taskId",
            "tasks/update": "taskId",
            "tasks/cancel": "taskId",
        }.get(method)
        if key and params.get(key) is not None:
            name = params.get(key)
            plain = name.isascii() and name.isprintable() and name.strip() == name and self.chance(0.7)
            sealed = f"=?base64?{base64.b64encode(name.encode()).decode()}?="
            head.append(("mcp-name", name if plain else sealed))
        if params.get("_meta"):
            head.append(("mcp-protocol-version", params.get("_meta").get(words.VERSION)))
        return [line for line in head if self.chance(0.9)]

    def case(self, policy):
        head = [
            (":method", "POST"),
            (":path", self.random.choice(["/mcp"] * 8 + ["/messages?session_id=1"])),
            (":authority", self.random.choice(["mcp.test"] * 8 + ["MCP.test:8080"])),
            ("content-type", self.random.choice(["application/json"] * 4 + ["Application/JSON; charset=utf-8"])),
        ]
        caller = self.caller(policy)
        message = self.message(policy, caller)
        params = message.get("params") or Obj()
        claims, metadata, headers = self.features.tokens(policy, caller, params.get("name") or "get_invoice")
        head += headers
        if self.chance(0.35):
            head += self.mirrored(message)
        breaks = self.random.choices([0, 1, 2], [57, 38, 5])[0]
        for kind in self.random.choices(["tree", "text", "head", "arguments"], [30, 20, 25, 25], k=breaks):
            if kind == "tree":
                breaking.tree(self.random, message)
            elif kind == "arguments" and isinstance(params.get("arguments"), Obj) and params.get("arguments"):
                self.features.break_arguments(params.get("arguments"))
        body = write(self.random, message).encode("utf-8", "surrogatepass")
        if self.chance(0.04):
            head[0] = (":method", self.random.choice(["GET", "DELETE", "OPTIONS", "HEAD", "GET"]))
            head[1] = (":path", self.random.choice(["/mcp", "/healthz"]))
            head = [line for line in head if not line[0].startswith(("mcp-m", "mcp-n", "content"))]
            body = None
        elif self.chance(0.003):
            head[0] = (":method", self.random.choice(["GET", "DELETE"]))
        elif breaks and kind == "text":
            body = breaking.text(self.random, body)
        if breaks and kind == "head":
            head, body = breaking.head(self.random, head, body)
        encoded = None if body is None else base64.b64encode(body).decode()
        now = self.random.choice(MOMENTS)
        return {"caller": caller, "now": now, "claims": claims, "metadata": metadata, "head": head, "body": encoded}


def cases(seed, count):
    """Each case with its policy; some in a row share one."""
    generator = Generator(seed)
    for index in range(count):
        if index % 20 == 0:
            policy = generator.policy()
        yield {"policy": policy} | generator.case(policy)


if __name__ == "__main__":
    import json

    for case in cases(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(case))
