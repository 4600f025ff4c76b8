"""Names and methods, and what each method needs."""

from .case import *

NAMES = "WIRE 0, rule 6; WIRE 2.2, note on name and method variants"
METHODS = "DESIGN 3.1; WIRE 1.6"


def names():
    variants = {
        "a space behind": "delete_all ",
        "a space before": " delete_all",
        "upper case": "DELETE_ALL",
        "title case": "Delete_All",
        "fullwidth": "\uff44elete_all",
        "a NUL behind": "delete_all\\u0000",
        "a NUL within": "delete\\u0000_all",
        "a tab behind": "delete_all\\t",
        "a zero-width space": "delete_all\u200b",
        "plain": "delete_all",
        "one letter escaped": escaped("delete_all"),
        "all letters escaped": "".join(f"\\u{ord(c):04x}" for c in "delete_all"),
        "upper-case hex": "\\u0064elete\\u005Fall",
        "a combining mark": "delete_a\u0301ll",
        "empty": "",
        "the granted name and NUL": "get_weather\\u0000",
        "the granted name and a space": "get_weather ",
        "the granted name in upper case": "GET_WEATHER",
        "the granted name, then the other": "get_weather,delete_all",
        "the granted name as a path": "get_weather/../delete_all",
        "a star": "*",
        "the granted name and a line": "get_weather\\ndelete_all",
        "a percent escape": "get%5Fweather",
        "a soft hyphen": "get_weather\u00ad",
        "the prefix": "get_weathe",
        "one letter more": "get_weatherx",
    }
    for what, name in variants.items():
        outcome = "target_invalid" if "\\u0000" in name else "tool_not_granted"
        case(
            "names", f"tool: {what}", "Names are unescaped once and compared byte for byte.", NAMES, outcome, call(name)
        )
    for what, name in {
        "one letter escaped": escaped(GRANTED),
        "the underscore escaped": "get\\u005fweather",
        "all letters escaped": "".join(f"\\u{ord(c):04x}" for c in GRANTED),
    }.items():
        case(
            "names",
            f"honest tool: {what}",
            "Escapes say the same name; Python and .NET write them.",
            "WIRE 2.4 row 'escapes'",
            "granted",
            call(name),
        )


def odd_names():
    for what, name in {
        "a number": "1",
        "null": "null",
        "a list": f'["{FORBIDDEN}"]',
        "an object": '{"name":"delete_all"}',
        "true": "true",
    }.items():
        case(
            "names",
            f"tool is {what}",
            "Servers that coerce would run something.",
            NAMES,
            "target_invalid",
            request(obj(member("name", name), ARGUMENTS)),
        )
    for what, method in {
        "a space behind": "tools/call ",
        "a space before": " tools/call",
        "upper case": "TOOLS/CALL",
        "title case": "Tools/Call",
        "two slashes": "tools//call",
        "a slash behind": "tools/call/",
        "a backslash": "tools\\\\call",
        "a dot segment": "tools/./call",
        "fullwidth": "\uff54ools/call",
        "a tab": "tools/call\\t",
        "a long s": "tool\u017f/call",
        "an unknown one": "tools/invoke",
        "rpc.discover": "rpc.discover",
        "a percent escape": "tools%2fcall",
        "a server's own": "sampling/createMessage",
    }.items():
        case(
            "names",
            f"method: {what}",
            "An unknown method is refused, whatever a server makes of it.",
            NAMES,
            "method_not_granted",
            request(EVIL_PARAMS, method),
        )
    for what, method in {
        "empty": '""',
        "a number": "1",
        "null": "null",
        "a list": '["tools/call"]',
        "a NUL behind": '"tools/call\\u0000"',
        "257 bytes": text("x" * 257),
    }.items():
        case(
            "names",
            f"method is {what}",
            "A method is a short string.",
            NAMES,
            "method_invalid",
            obj(*HEAD, member("method", method), member("params", EVIL_PARAMS)),
        )
    for what, method in {
        "an escaped slash": "tools\\/call",
        "an escaped letter": escaped("tools/call"),
        "an escaped slash, in hex": "tools\\u002fcall",
    }.items():
        for outcome, params in (("granted", PARAMS), ("tool_not_granted", EVIL_PARAMS)):
            case(
                "names",
                f"method with {what}: {outcome}",
                "PHP escapes slashes; it is the same method.",
                "WIRE 2.4 row 'escapes'",
                outcome,
                request(params, method),
            )


def methods():
    why = "Each method needs what the table of methods says."
    for method in (
        "initialize",
        "ping",
        "server/discover",
        "logging/setLevel",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "subscriptions/listen",
    ):
        case(
            "methods", f"{method} is for everybody with a grant", why, METHODS, "caller_granted", request("{}", method)
        )
        case(
            "methods",
            f"{method} is not for strangers",
            why,
            METHODS,
            "caller_unknown",
            request("{}", method),
            peer="stranger",
        )
    for method in ("initialized", "cancelled", "progress", "roots/list_changed", "tasks/status"):
        case(
            "methods",
            f"notification {method}",
            why,
            METHODS,
            "caller_granted",
            obj(HEAD[0], member("method", text(f"notifications/{method}"))),
        )
    case(
        "methods",
        "an unknown notification",
        why,
        METHODS,
        "method_not_granted",
        obj(HEAD[0], member("method", text("notifications/tools/call")), member("params", EVIL_PARAMS)),
        status=403,
    )
    for what, answer in {
        "a result": member("result", '{"roots":[]}'),
        "an error": member("error", '{"code":-1,"message":"no"}'),
        "a call within its result": member("result", EVIL),
    }.items():
        case(
            "methods",
            f"an answer with {what}",
            "Answers to the server's requests pass when exact.",
            "WIRE 2.4 row 'response (legacy)'",
            "caller_granted",
            obj(*HEAD, answer),
        )


def targets():
    billing = {"peer": "billing-bot"}
    why = "Each method needs what the table of methods says."
    table = {
        "prompts/get": ("prompt_not_granted", lambda it: obj(member("name", text(it))), "refund_letter", "secret"),
        "resources/read": (
            "resource_not_granted",
            lambda it: obj(member("uri", text(it))),
            "file:///invoices/7",
            "file:///etc/passwd",
        ),
        "resources/subscribe": (
            "resource_not_granted",
            lambda it: obj(member("uri", text(it))),
            "file:///invoices/7",
            "file:///etc/passwd",
        ),
        "resources/unsubscribe": (
            "resource_not_granted",
            lambda it: obj(member("uri", text(it))),
            "file:///invoices/7",
            "file:///etc/passwd",
        ),
    }
    for method, (refusal, params, good, bad) in table.items():
        case(
            "methods", f"{method} of what is granted", why, METHODS, "granted", request(params(good), method), **billing
        )
        case("methods", f"{method} of something else", why, METHODS, refusal, request(params(bad), method), **billing)
        case("methods", f"{method} by a caller without", why, METHODS, refusal, request(params(good), method))
        case("methods", f"{method} without a target", why, METHODS, "target_invalid", request("{}", method), **billing)
    for what, uri in {
        "dot segments": "file:///invoices/../etc/passwd",
        "escaped dots": "file:///invoices/%2e%2e/etc",
        "escaped slashes": "file:///invoices/..%2fetc",
        "a backslash": "file:///invoices/..\\\\etc",
        "escaped percent": "file:///invoices/%252e%252e/etc",
        "an escaped NUL": "file:///invoices/a%00b",
        "dots before a parameter": "file:///invoices/..;a/b",
        "a control character": "file:///invoices/a\\u0007",
    }.items():
        case(
            "methods",
            f"resources/read: {what}",
            "A URI that servers may read as another matches no pattern.",
            "DESIGN 3, Patterns; ISTIO CVE-2021-31920",
            "resource_not_granted",
            request(obj(member("uri", text(uri))), "resources/read"),
            **billing,
        )
    for method in ("tasks/get", "tasks/result", "tasks/update", "tasks/cancel"):
        params = obj(member("taskId", text("t-1")))
        case("methods", f"{method} by a caller with tasks", why, METHODS, "granted", request(params, method), **billing)
        case(
            "methods", f"{method} by a caller without tasks", why, METHODS, "tasks_not_granted", request(params, method)
        )
    case(
        "methods",
        "tasks/list needs its own grant",
        why,
        METHODS,
        "tasks_not_granted",
        request("{}", "tasks/list"),
        **billing,
    )


def references():
    billing = {"peer": "billing-bot"}
    why = "Each method needs what the table of methods says."
    complete = "completion/complete"
    for what, outcome, ref in (
        ("a granted prompt", "granted", '{"type":"ref/prompt","name":"refund_a"}'),
        ("another prompt", "prompt_not_granted", '{"type":"ref/prompt","name":"secret"}'),
        ("a granted template", "granted", '{"type":"ref/resource","uri":"file:///invoices/{id}"}'),
        ("another template", "resource_not_granted", '{"type":"ref/resource","uri":"file:///etc/{id}"}'),
        ("both name and uri", "target_invalid", '{"type":"ref/prompt","name":"refund_a","uri":"file:///etc/x"}'),
        ("an unknown type", "target_invalid", '{"type":"ref/tool","name":"delete_all"}'),
        ("no type", "target_invalid", '{"name":"refund_a"}'),
        ("a text for ref", "target_invalid", '"refund_a"'),
    ):
        case(
            "methods",
            f"{complete} of {what}",
            why,
            METHODS,
            outcome,
            request(obj(member("ref", ref)), complete),
            **billing,
        )
    for what, outcome, inner in (
        ("granted resources", "caller_granted", '{"resourceSubscriptions":["file:///invoices/1"]}'),
        (
            "a resource that is not granted",
            "resource_not_granted",
            '{"resourceSubscriptions":["file:///invoices/1","file:///etc/x"]}',
        ),
        ("tasks", "granted", '{"taskIds":["t"]}'),
        ("no list", "params_invalid", '{"resourceSubscriptions":"file:///etc/x"}'),
        ("a number among them", "params_invalid", '{"resourceSubscriptions":["file:///invoices/1",1]}'),
    ):
        case(
            "methods",
            f"subscriptions/listen to {what}",
            why,
            METHODS,
            outcome,
            request(obj(member("notifications", inner)), "subscriptions/listen"),
            **billing,
        )


def add():
    names()
    odd_names()
    methods()
    targets()
    references()
