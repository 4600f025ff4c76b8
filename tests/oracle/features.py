"""What a policy may say beside who may call what: sets, conditions, ends, tokens, a candidate. And requests to it."""

import base64
import json
from random import Random

import conditions
import patterns
import policy as policies
import words
from breaking import LOOKALIKES
from protobuf import metadata
from reading import parse
from writing import Obj, Raw, write

PAST, SOON, LATE = "2001-01-01T00:00:00Z", "2026-06-01T12:00:00.5Z", "2999-12-31T23:59:59Z"
MOMENTS = [978307199999, 978307200000, *[1780315200000] * 4, 1780315200499, 1780315200500, None]
POINTERS = ["/amount", "/amount", "/currency", "/path", "/a/b", "/list/0", "/Name", "/a~1b", "/", "/task"]
OPERATORS = {
    "equals": ["EUR", 100, 0.5, True, {"number": "9007199254740993"}, ""],
    "one_of": [["EUR", "USD"], [1, "x", False], [100]],
    "matches": ["stag*", "*", "E*R", "x"],
    "under": ["/srv/data", "file:///a/", "x"],
    "minimum": [0, -1.5, 100, {"number": "1e400"}],
    "maximum": [100, 0.5, {"number": "9007199254740993"}, 1e15],
    "max_length": [3, 0, 100.0],
    "present": [True, False],
}
# Values that satisfy an operand, and some that nearly do.
NUMBERS = [
    0,
    -1.5,
    100,
    99.99,
    0.5,
    Raw("1e2"),
    Raw("100.0"),
    Raw("100.00000000000000000000001"),
    Raw("9007199254740993"),
    Raw("9007199254740992"),
    Raw("9007199254740993.0"),
    Raw("1e400"),
    Raw("-1e400"),
    Raw("1e-400"),
    Raw("1e99999999999999999999"),
    Raw("-0.0"),
    Raw("0.5000000000000001"),
    Raw("5e-1"),
]
TEXTS = ["EUR", "USD", "eur", "EUR ", "", "x", "100", "staging", "äöü", "😀😀😀", "abcd", "true"]
PATHS = [
    "/srv/data",
    "/srv/data/x",
    "/srv/database",
    "/srv/data/../x",
    "/srv/data/%2e%2e/x",
    "file:///a/b",
    "file:///a/",
]

ISSUERS = ["https://issuer.test", "https://other.test"]
CLAIMS = ["/level", "/act/sub", "/dept", "/list/0", "/Name"]


def values():
    """All of them, and values of other types; lists and objects are new ones, since they may be changed."""
    return [*NUMBERS, *TEXTS, *PATHS, True, False, None, [], [1], Obj(), Obj(b="EUR"), ["EUR"], '{"b":1}']


class Features:
    """Adds to a generator's plain rules."""

    def __init__(self, generator):
        self.random, self.chance, self.some = generator.random, generator.chance, generator.some

    def add_to(self, rules, callers):
        """`callers` are the patterns that may stand in caller sets."""
        if self.chance(0.4):
            self.add_sets(rules, callers)
        if self.chance(0.55):
            self.each_item(rules, 0.5, lambda item: item.update(arguments=self.conditions(POINTERS, OPERATORS)))
            # Without it, a grant that undoes conditions of another one is a fault.
            self.each_item(rules, 1, lambda item: "arguments" in item or item.update(unconditional=True))
        if self.chance(0.35):
            self.each_item(rules, 0.3, lambda item: item.update(expires=self.end()))
            for entry in self.mappings(rules):
                if self.chance(0.2):
                    entry["expires"] = self.end()
        if self.chance(0.35):
            for entry in self.mappings(rules):
                if self.chance(0.4):
                    entry["token"] = self.binding()
        if self.chance(0.2):
            self.each_item(rules, 0.3, lambda item: item.update(owner="team", reason="OPS-1"))

    def add_sets(self, rules, callers):
        rules["tool_sets"] = {"common": self.some(words.TOOL_PATTERNS, 4), "one": ["get_invoice"], "none": []}
        rules["caller_sets"] = {"team": self.some(callers, len(callers)), "nobody": []}
        sets = lambda: {"set": self.random.choice(["common", "common", "one", "none"])}
        for entry in self.mappings(rules):
            if self.chance(0.4):
                entry["tools"] = entry.get("tools", []) + [sets()]
            if self.chance(0.1):
                entry["deny_tools"] = entry.get("deny_tools", []) + [sets(), {"name": "user_admin"}]
        rules["callers"]["set:team"] = {"tools": [sets(), *self.some(words.TOOL_PATTERNS, 2)], "prompts": ["get_*"]}
        if self.chance(0.2):
            rules["callers"]["set:nobody"] = ["*"]

    def mappings(self, rules):
        for key, entry in rules["callers"].items():
            if isinstance(entry, list):
                entry = rules["callers"][key] = {"tools": entry}
            yield entry

    def each_item(self, rules, share, change):
        """Changes some items of `tools`."""
        for entry in self.mappings(rules):
            items = [item if isinstance(item, dict) else {"name": item} for item in entry.get("tools", [])]
            for item in items:
                if self.chance(share):
                    change(item)
            if "tools" in entry:
                entry["tools"] = items

    def conditions(self, pointers, operators):
        chosen = {}
        for pointer in self.random.sample(pointers, self.random.choice([1, 1, 2])):
            names = self.random.sample(sorted(operators), self.random.choice([1, 1, 1, 2]))
            chosen[pointer] = {name: self.random.choice(operators[name]) for name in names}
        return chosen

    def end(self):
        return self.random.choice([PAST, SOON, LATE, LATE, LATE])

    def binding(self):
        binding = {}
        if self.chance(0.15):
            binding |= {"source": "header", "header": "X-Jwt-Payload"}
        elif self.chance(0.2):
            binding["metadata_key"] = "user"
        if self.chance(0.5):
            binding["issuers"] = self.random.choice([ISSUERS[:1], ISSUERS])
        if self.chance(0.4):
            binding["tools_claim"] = self.random.choice(["tools", "/access/tools"])
        if self.chance(0.3):
            binding["scopes"] = {"read": ["get_*", "ping_db"], "all": ["*"], "none": []}
        if self.chance(0.4):
            operators = OPERATORS | {"equals_caller": [True]}
            binding["claims"] = self.conditions(CLAIMS, operators)
        return binding

    def arguments(self, rules, caller, tool):
        """Arguments that satisfy the conditions of some grant of the tool, more or less."""
        granted = policies.Granted(rules, caller, None, None)
        found = [grant.arguments for grant in granted.grants("tools") if patterns.glob(grant.covers, tool)]
        return self.satisfying(self.random.choice([wanted for wanted in found if wanted] or [{}]), caller)

    def satisfying(self, wanted, caller):
        whole = Obj()
        for pointer, operators in wanted.items():
            value = self.value(operators, caller)
            if value is not None:
                self.place(whole, conditions.tokens(pointer), None if value == "null" else value)
        if self.chance(0.3):
            whole.set("note", self.random.choice(values()))
        return whole if whole or self.chance(0.8) else None

    def value(self, operators, caller):
        """None leaves the value out."""
        if operators.get("present") is False and self.chance(0.85):
            return None
        if "equals_caller" in operators and self.chance(0.85):
            return caller
        fits = lambda value: all(
            conditions.holds(name, wanted, read(value), caller, False) for name, wanted in operators.items()
        )
        good = [value for value in values() if fits(value)] if self.chance(0.85) else []
        value = self.random.choice(good or values())
        return "null" if value is None else value

    def place(self, whole, tokens, value):
        for token, after in zip(tokens, [*tokens[1:], None]):
            if isinstance(whole, Obj):
                child = value if after is None else whole.get(token)
                if after is not None and not isinstance(child, (Obj, list)):
                    child = [] if after == "0" else Obj()
                whole.set(token, child)
                whole = child
            else:
                whole[:] = [value]

    def break_arguments(self, whole):
        """One thing in the arguments, at any depth, that changes what they say, or how they may be read."""
        places = [whole]
        for place in places:
            inner = [item for _, item in place] if isinstance(place, Obj) else place
            places += [item for item in inner if isinstance(item, (Obj, list)) and item]
        place = self.random.choice(places)
        at = self.random.randrange(len(place))
        if not isinstance(place, Obj):
            place[at] = self.random.choice(values())
            return
        key, value = place[at]
        choice = self.random.randrange(6)
        if choice == 0:
            place.append((key, self.random.choice([value, *values()])))
        elif choice in (1, 2):
            place.append((self.random.choice(LOOKALIKES)(key), value))
        elif choice == 3:
            place[at] = (self.random.choice(LOOKALIKES)(key), value)
        elif choice == 4:
            place[at] = (key, self.random.choice([*values(), [value], "1", Obj(("0", value))]))
        else:
            place += [(f"k{index}", 0) for index in range(self.random.choice([1, 1022, 1024]))]

    def tokens(self, rules, caller, tool):
        """The claims by key of the metadata, their wire form, and payload headers, mostly as the policy asks."""
        written, headers = {}, []
        bindings = policies.Granted(rules, caller, None, None).bindings
        for binding in bindings:
            claims = self.claims(binding, caller, tool)
            if self.chance(0.06):
                continue
            text = write(self.random, claims)
            if binding.get("source") == "header":
                headers.append(self.header(text))
            else:
                # What metadata holds has been read by Envoy, and is written anew.
                key = binding.get("metadata_key", "payload") if self.chance(0.95) else "other"
                written[key] = json.dumps(plain(claims))
        if self.chance(0.05):
            written["payload"] = '{"iss": "https://issuer.test", "sub": "nobody asks"}'
        return written, base64.b64encode(metadata(self.random, written)).decode(), headers

    def header(self, text):
        """The claims of the header's token, or what no token would have."""
        broken = [text[:-1], "[1]", "null", text + "x", "", text.replace("{", "{,", 1)]
        encoded = base64.urlsafe_b64encode((text if self.chance(0.9) else self.random.choice(broken)).encode()).decode()
        form = self.random.choice([encoded, encoded.rstrip("=")])
        return ("x-jwt-payload", form if self.chance(0.97) else form + "*")

    def claims(self, binding, caller, tool):
        issuers = binding.get("issuers", ISSUERS)
        claims = self.satisfying(binding.get("claims", {}), caller) or Obj()
        claims.set("iss", self.random.choice(issuers if self.chance(0.93) else ["https://stranger.test", "", 1]))
        claims.set("sub", "alice")
        named = [tool, "get_*", "*"] if self.chance(0.8) else ["ping_db"]
        if "tools_claim" in binding and self.chance(0.93):
            value = self.random.choice([named, " ".join(named)]) if self.chance(0.9) else self.random.choice(values())
            self.place(claims, ["access", "tools"] if binding["tools_claim"].startswith("/") else ["tools"], value)
        if "scopes" in binding and self.chance(0.93):
            held = self.random.choice([["openid", "all"], ["all", "none"], ["read"], ["none"]])
            value = self.random.choice([held, "  ".join(held)]) if self.chance(0.9) else self.random.choice(values())
            claims.set(self.random.choice(["scope", "scope", "scp"]), value)
        if self.chance(0.05):
            key = self.random.choice(claims)[0]
            claims.append((self.random.choice(LOOKALIKES)(key), "x"))
        return claims


def read(value):
    """A generated value as the judge reads it."""
    return parse(write(Random(0), value))[0]


def plain(value):
    """A value as `jwt_authn` reads it: no key stands twice, and numbers as they were written."""
    if isinstance(value, Obj):
        return {key: plain(item) for key, item in value}
    if isinstance(value, Raw):
        number = json.loads(value)
        # What no double holds is no claim to it.
        return number if abs(number) < 1e308 else 1e300
    return [plain(item) for item in value] if isinstance(value, list) else value
