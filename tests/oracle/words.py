"""The small world of the random cases: few words, so that policies and requests often meet."""

CALLERS = [
    "spiffe://a.test/ns/agents/sa/bot",
    "spiffe://a.test/ns/agents/sa/helper",
    "spiffe://a.test/ns/ops/sa/bot",
    "spiffe://a.test/ns/ops/team/x/sa/bot",
    "spiffe://b.test/ns/agents/sa/bot",
    "spiffe://b.test/x",
]
PATTERNS = CALLERS + [
    "spiffe://a.test/ns/*/sa/bot",
    "spiffe://a.test/ns/agents/sa/*",
    "spiffe://a.test/**",
    "spiffe://b.test/**",
    "spiffe://a.test/ns/ops/**",
    "spiffe://b.test/*",
    "spiffe://a.test/ns/a*s/sa/b*t",
    "spiffe://c.test/**",
]
NOBODIES = [
    "spiffe://A.test/x",
    "spiffe://a.test",
    "spiffe://a.test/",
    "spiffe://a.test//x",
    "https://a.test/x",
    "",
    "spiffe://a.test/../x",
    "spiffe://a.test/x%2f",
    "spiffe://u@a.test/x",
    "spiffe://a.test:1/x",
    "spiffe://a.test/x/",
    " spiffe://a.test/x",
    "spiffe://a.test/" + "x" * 2040,
]
TOOLS = [
    "get_invoice",
    "get_report",
    "create_refund",
    "delete_all",
    "user_admin",
    "Get_invoice",
    "größe",
    "a.b",
    "*",
    "get_invoice ",
    "report/2026",
    "ping_db",
]
TOOL_PATTERNS = ["*", "get_*", "*_admin", "g*t_*e", "*_*", "a.b", "report**"] + [
    tool for tool in TOOLS if tool.strip() == tool
]
URIS = [
    "file:///invoices/1",
    "file:///invoices/2026/1",
    "db://x",
    "file:///invoices/../etc",
    "file:///a%2fb",
    "file:///invoices/..;x/y",
    "file:///x\\y",
    "urn:ö",
    "file:///invoices/{id}",
    "file:///.hidden/x",
    "a?../b",
    "https://host.test/a?x=1",
    "https://host.test:1/a",
    "https://u@host.test/a",
]
URI_PATTERNS = [
    "**",
    "*",
    "file:///invoices/*",
    "file:///invoices/**",
    "db://*",
    "file:///**/1",
    "file:///*/*",
    "https://*/a",
    "https://h*t.test/**",
] + URIS
LIFECYCLE = [
    "initialize",
    "ping",
    "server/discover",
    "logging/setLevel",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
]
NOTICES = [
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
]
EXTRAS = ["vendor/ping", "notifications/vendor", "vendor/ö"]
VERSION = "io.modelcontextprotocol/protocolVersion"
