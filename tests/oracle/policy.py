"""What a policy grants, by sections 3, 3.1 and 3.3 of the design and docs/configuration.md."""

import calendar
import time
from fractions import Fraction

import conditions
import patterns
import tokens as token_rules
from reading import Pairs, text

ANY_GRANT = {
    "initialize",
    "ping",
    "server/discover",
    "logging/setLevel",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
}
RESOURCE = {"resources/read", "resources/subscribe", "resources/unsubscribe"}
TASK = {"tasks/get", "tasks/result", "tasks/update", "tasks/cancel"}


# The call was announced by its headers; its arguments have not come.
UNREAD = object()


def moment(written):
    """A time in UTC, in milliseconds since the epoch."""
    whole, _, fraction = written.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return 1000 * (seconds + (Fraction(int(fraction), 10 ** len(fraction)) if fraction else 0))


class Grant:
    """One item of one entry: what it covers, until when, and on which conditions."""

    def __init__(self, item, entry, covers, arguments):
        ends = [place["expires"] for place in (item, entry) if "expires" in place]
        self.end = min(map(moment, ends)) if ends else None
        self.covers = covers
        self.arguments = arguments

    def ended(self, now):
        return self.end is not None and (now is None or now >= self.end)


class Granted:
    """All that the entries for one caller say together."""

    def __init__(self, rules, name, now, tokens):
        self.name, self.now, self.tokens = name, now, tokens
        self.tool_sets, caller_sets = rules.get("tool_sets", {}), rules.get("caller_sets", {})
        self.entries = []
        for key, entry in rules.get("callers", {}).items():
            whom = caller_sets[key[4:]] if key.startswith("set:") else [key]
            if any(patterns.caller(pattern, name) for pattern in whom):
                self.entries.append({"tools": entry} if isinstance(entry, list) else entry)
        self.known = bool(self.entries)
        denied = [item for entry in self.entries for item in entry.get("deny_tools", [])]
        self.denied = [tool for item in denied for tool in self.tools(item)]
        self.bindings = [entry["token"] for entry in self.entries if "token" in entry]

    def tools(self, item):
        item = {"name": item} if isinstance(item, str) else item
        return self.tool_sets[item["set"]] if "set" in item else [item["name"]]

    def grants(self, kind):
        """All grants of one kind, ended or not."""
        for entry in self.entries:
            if kind == "tools":
                for item in entry.get("tools", []):
                    own = {} if isinstance(item, str) else item
                    for tool in self.tools(item):
                        yield Grant(own, entry, tool, own.get("arguments", {}))
            elif kind == "tasks":
                forms = {True: [True], "list": [True, "list"]}
                yield from (Grant({}, entry, form, {}) for form in forms.get(entry.get("tasks", False), []))
            else:
                yield from (Grant({}, entry, item, {}) for item in entry.get(kind, []))

    def anything(self):
        kinds = ("tools", "prompts", "resources", "tasks", "extra_methods")
        return any(not grant.ended(self.now) for kind in kinds for grant in self.grants(kind))

    def token_refusals(self):
        """Why the tokens that the entries bind do not admit this caller, whatever it asks for."""
        refusals = set()
        for binding in self.bindings:
            refusals |= token_rules.admit(binding, self.tokens.claims(binding), self.name)
        return refusals

    def tool(self, name, arguments):
        if any(patterns.glob(item, name) for item in self.denied):
            return {"tool_denied"}
        missed = set()
        for grant in self.grants("tools"):
            if not patterns.glob(grant.covers, name):
                continue
            said = set() if arguments is UNREAD else conditions.judge(grant.arguments, arguments, self.name)
            why = {{"fails": "arguments_not_granted", "ambiguous": "argument_key_ambiguous"}[word] for word in said}
            why |= {"grant_expired"} if grant.ended(self.now) else set()
            if not why:
                return self.tool_of_token(name)
            missed |= why
        return missed or {"tool_not_granted"}

    def tool_of_token(self, name):
        covered = all(token_rules.covers(binding, self.tokens.claims(binding), name) for binding in self.bindings)
        return {"granted"} if covered else {"token_tool_not_granted"}

    def named(self, kind, covers, otherwise):
        """Of what stands in a list and has no conditions."""
        found = [grant for grant in self.grants(kind) if covers(grant.covers)]
        if any(not grant.ended(self.now) for grant in found):
            return {"granted"}
        return {"grant_expired" if found else otherwise}

    def prompt(self, name):
        return self.named("prompts", lambda item: patterns.glob(item, name), "prompt_not_granted")

    def resource(self, name):
        return self.named("resources", lambda item: patterns.uri(item, name), "resource_not_granted")

    def task(self, wanted):
        return self.named("tasks", lambda item: item == wanted and type(item) is type(wanted), "tasks_not_granted")

    def method(self, name):
        return self.named("extra_methods", lambda item: item == name, "method_not_granted")

    def listen(self, uris, task_ids):
        """The reasons, each with what is not granted."""
        refused = {(reason, "resource") for item in uris for reason in self.resource(item)}
        refused |= {(reason, "task") for reason in self.task(True)} if task_ids else set()
        refused = {pair for pair in refused if pair[0] != "granted"}
        # Granted piece by piece: no one grant decides, unless it is the one of tasks.
        return refused or {("granted" if task_ids else "caller_granted", "any")}


def usable(name):
    return text(name) and len(name.encode()) <= 8192 and "\0" not in name


def target(method, params):
    """What a call asks for as (kind, name), or the reason for which it asks for nothing."""
    if method in ANY_GRANT:
        return ("any", None)
    key = {"tools/call": "name", "prompts/get": "name"}.get(method) or ("uri" if method in RESOURCE else None)
    key = "taskId" if method in TASK else key
    if key:
        kind = {"tools/call": "tool", "prompts/get": "prompt"}.get(method) or (
            "task" if key == "taskId" else "resource"
        )
        if not usable(params.get(key)):
            return "target_invalid"
        if kind != "tool":
            return (kind, params.get(key))
        arguments = params.get("arguments") if params.has("arguments") else conditions.MISSING
        return (kind, (params.get(key), arguments))
    if method == "completion/complete":
        ref = params.get("ref")
        forms = {"ref/prompt": ("prompt", "name", "uri"), "ref/resource": ("resource", "uri", "name")}
        form = forms.get(ref.get("type")) if isinstance(ref, Pairs) and isinstance(ref.get("type"), str) else None
        if form and usable(ref.get(form[1])) and not ref.has(form[2]):
            return (form[0], ref.get(form[1]))
        return "target_invalid"
    if method == "subscriptions/listen":
        return listened(params.get("notifications", Pairs()))
    return ("task list", None) if method == "tasks/list" else ("method", method)


def listened(notifications):
    if not isinstance(notifications, Pairs):
        return "params_invalid"
    lists = [notifications.get(key, []) for key in ("resourceSubscriptions", "taskIds")]
    fits = all(isinstance(items, list) and not isinstance(items, Pairs) and len(items) <= 1024 for items in lists)
    if not fits or not all(usable(item) for item in lists[0]) or not all(text(item) for item in lists[1]):
        return "params_invalid"
    return ("listen", lists)


def decide(granted, asked):
    """The reasons, of which one is named, each with the kind of thing that it is said of; a good one stands alone."""
    kind, name = asked
    if refusals := granted.token_refusals():
        return {(reason, kind) for reason in refusals}
    if kind == "listen":
        return granted.listen(*name)
    decided = {
        "any": lambda: {"caller_granted"},
        "tool": lambda: granted.tool(*name),
        "prompt": lambda: granted.prompt(name),
        "resource": lambda: granted.resource(name),
        "task": lambda: granted.task(True),
        "task list": lambda: granted.task("list"),
        "method": lambda: granted.method(name),
    }
    return {(reason, kind) for reason in decided[kind]()}


def admit(trusted, name, granted):
    """Why a caller may not ask anything; nothing if it may."""
    if not patterns.spiffe_id(name):
        return {"spiffe_id_malformed"}
    if trusted is not None and name.split("/")[2] not in trusted:
        return {"trust_domain_not_allowed"}
    if not granted.known:
        return {"caller_unknown"}
    return granted.token_refusals() if granted.anything() else {"caller_without_grants"}
