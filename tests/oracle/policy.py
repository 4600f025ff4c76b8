"""What a policy grants, by sections 3 and 3.1 of the design and docs/configuration.md; globs are regular expressions."""

import re

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


def expression(pattern, star, double):
    parts = re.split(r"(\*+)", pattern)
    return "".join((double if len(part) > 1 else star) if part.startswith("*") else re.escape(part) for part in parts)


def glob(pattern, name):
    return re.fullmatch(expression(pattern, ".*", ".*"), name, re.S) is not None


def ambiguous(uri):
    """Whether servers may read a URI as another one. A query ends a path, so `?` and `#` end a segment too."""
    return bool(
        re.search(r"(^|[/?#])\.\.?($|[/?#;])", uri)
        or re.search(r"%(2e|2f|5c|25|00)", uri, re.I)
        or re.search("[\\\\\x00-\x1f\x7f-\x9f]", uri)
    )


def uri(pattern, name):
    if "*" not in pattern:
        return pattern == name
    scheme, host, rest = re.fullmatch(r"(?s:(?:(.*?://)([^/?#]*))?(.*))", pattern).groups(default="")
    form = "[^/?#]*", "[^?#]*"
    whole = expression(scheme, *form) + expression(host, "[^/?#@:]*", "-") + expression(rest, *form)
    return not ambiguous(name) and re.fullmatch(whole, name, re.S) is not None


def caller(pattern, name):
    """`**` can only be the whole last segment: one segment or more."""
    return re.fullmatch(expression(pattern, "[^/]*", ".+"), name) is not None


def spiffe_id(name):
    """SPIFFE-ID, section 2; nothing is normalised."""
    good = re.fullmatch(r"spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)+", name)
    return good is not None and len(name) <= 2048 and not re.search(r"/\.\.?(/|\Z)", name)


class Granted:
    """All that the entries for one caller say together."""

    def __init__(self, policy, name):
        self.known = False
        self.lists = {key: [] for key in ("tools", "deny_tools", "prompts", "resources", "extra_methods")}
        self.tasks = set()
        for pattern, entry in policy.get("callers", {}).items():
            if not caller(pattern, name):
                continue
            self.known = True
            entry = {"tools": entry} if isinstance(entry, list) else entry
            for key, items in self.lists.items():
                items += [item["name"] if isinstance(item, dict) else item for item in entry.get(key, [])]
            self.tasks.add(entry.get("tasks", False))

    def anything(self):
        grants = (items for key, items in self.lists.items() if key != "deny_tools")
        return any(grants) or bool(self.tasks - {False})

    def tool(self, name):
        if any(glob(item, name) for item in self.lists["deny_tools"]):
            return "tool_denied"
        return "granted" if any(glob(item, name) for item in self.lists["tools"]) else "tool_not_granted"

    def prompt(self, name):
        return "granted" if any(glob(item, name) for item in self.lists["prompts"]) else "prompt_not_granted"

    def resource(self, name):
        return "granted" if any(uri(item, name) for item in self.lists["resources"]) else "resource_not_granted"

    def task(self, *enough):
        return "granted" if self.tasks & set(enough) else "tasks_not_granted"

    def listen(self, uris, task_ids):
        refused = {self.resource(item) for item in uris} | ({self.task(True, "list")} if task_ids else set())
        refused.discard("granted")
        # Granted piece by piece: no one grant decides, unless it is the one of tasks.
        return refused or {"granted" if task_ids else "caller_granted"}

    def method(self, name):
        return "granted" if name in self.lists["extra_methods"] else "method_not_granted"


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
        return (kind, params.get(key)) if usable(params.get(key)) else "target_invalid"
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
    """The reasons, of which one is named; a good one stands alone."""
    kind, name = asked
    if kind == "listen":
        return granted.listen(*name)
    decided = {
        "any": lambda: "caller_granted",
        "tool": lambda: granted.tool(name),
        "prompt": lambda: granted.prompt(name),
        "resource": lambda: granted.resource(name),
        "task": lambda: granted.task(True, "list"),
        "task list": lambda: granted.task("list"),
        "method": lambda: granted.method(name),
    }
    return {decided[kind]()}
