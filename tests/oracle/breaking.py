"""One way to break an honest request, or to bend it in a way that changes nothing."""

from writing import Obj, Raw

LOOKALIKES = [
    str.upper,
    str.capitalize,
    lambda key: key + " ",
    lambda key: "\0" + key,
    lambda key: key + "\u2003",
    lambda key: key.replace("s", "ſ", 1),
    lambda key: key.replace("k", "\u212a", 1),
    lambda key: key + "_",
    lambda key: key.replace("i", "ı", 1),
    lambda key: key.replace("i", "İ", 1),
    lambda key: "__proto__",
]
VALUES = [None, True, 1, 1.5, "", "x", [], [1], Obj(), Obj(a=1), "a\0b", "x" * 8193, ["x", 1], ["db://x"], "tools/call"]
IDS = [
    None,
    True,
    1.5,
    Raw("1e2"),
    Raw("1.0"),
    2**53,
    -(2**53),
    [1],
    Obj(),
    "x" * 1025,
    Raw("-0"),
    Raw("01"),
    "ö" * 513,
]
RAW = [
    "1e999",
    "-0.0E+5",
    "01",
    "1.",
    ".5",
    "+1",
    "-",
    "0x1",
    "NaN",
    "Infinity",
    "'x'",
    "nul",
    "tru",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\x41"',
    '"\\u00e"',
    '"\\u12G4"',
    '"\t"',
    '"\x01"',
    '"\x7f"',
    "[1,]",
    '{"a":1,}',
    "{a:1}",
    '{"a" 1}',
    "[1 2]",
    "/**/1",
    "//\n1",
    '"\\u0000"',
    '"open',
    "9" * 400,
    "[" * 3 + "]" * 3,
    "[" * 70 + "]" * 70,
    "[" * 62 + "]" * 62,
    "[" * 63 + "]" * 63,
    '{"a":1,"a":2,"A":3}',
]


def objects(message):
    """The objects that a decision reads, and one that it does not."""
    params = message.get("params")
    found = [message]
    if isinstance(params, Obj):
        inner = [params.get(key) for key in ("_meta", "ref", "notifications", "arguments")]
        found += [params, params] + [item for item in inner if isinstance(item, Obj)]
    return found


def tree(random, message):
    if random.random() < 0.2 and str(message.get("method")).startswith("notifications/"):
        message.set("id", random.choice([1, "x", 0]))
        return
    place = random.choice(objects(message))
    key = random.choice(place)[0] if place else "name"
    choice = random.randrange(10)
    if choice == 0:
        place.append((key, place.get(key) if random.random() < 0.5 else random.choice(VALUES)))
    elif choice in (1, 2):
        place.append((random.choice(LOOKALIKES)(key), random.choice(VALUES)))
    elif choice == 3:
        place.drop(key)
    elif choice == 4:
        place.set(key, random.choice(VALUES))
    elif choice == 5:
        message.set("id", random.choice([*IDS, *[1] * 8]))
    elif choice == 6:
        message.append((random.choice(["result", "error", "extra", "Result", "id "]), random.choice(VALUES)))
    elif choice == 7:
        message.drop(random.choice(["id", "jsonrpc", "method"]))
    elif choice == 8:
        message.set("jsonrpc", random.choice(["1.0", 2.0, "2", None, "2.0 "]))
        message.set("method", random.choice([message.get("method"), None, "", "x" * 257, "tools\0", 1, ["tools/call"]]))
    elif random.random() < 0.05:
        place += [(f"k{index}", index) for index in range(1024)]
    else:
        place.append((random.choice(["x", "_meta", "name", "uri", "arguments", "taskId"]), random.choice(VALUES)))


def text(random, body):
    choice = random.randrange(9)
    if choice < 3:
        raw = random.choice(RAW).encode("utf-8", "surrogatepass")
        at = random.choice([index for index, byte in enumerate(body) if byte in b"{"])
        return body[: at + 1] + b'"zz":' + raw + b"," + body[at + 1 :]
    if choice == 3:
        return random.choice(
            [
                b"[%s]",
                b"[%s,%s]",
                b"%s%s",
                b"%s,",
                b"%s\0",
                b"\xef\xbb\xbf%s",
                b"%s //",
                b" \n%s\t",
                b'{"0":%s}',
                b"%s]",
                b'"%s"',
                b"\x0c%s",
                b"%s\xc2\xa0",
            ]
        ).replace(b"%s", body)
    if choice == 4:
        return random.choice([b"", b" ", b"null", b"1", b'"x"', b"[]", b"{}", b"tru", b"[" * 200, b"[[]]", b'{"a"}'])
    if choice == 5:
        return body.decode(errors="replace").encode(random.choice(["utf-16", "utf-16-le", "utf-32"]), "surrogatepass")
    at = random.randrange(len(body))
    if choice == 6:
        return body[:at]
    noise = random.choice(
        [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b'"', b"\\", b"{", b"}", b",", b"0", b"\0", b" "]
    )
    return body[:at] + noise + body[at + (choice == 7) :]


SET = {
    ":method": ["PUT", "PATCH", "HEAD", "CONNECT", "post", "TRACE", "GET", "DELETE", "OPTIONS", "QUERY"],
    ":path": [
        "/",
        "/other",
        "/mcp/../x",
        "/mcp//x",
        "/mcp/%2e%2e/x",
        "/mcp/x;y",
        "/mcpx",
        "/mcp/x?sessionId=2",
        "/sse?sessionid=2",
        "/mcp?a=..",
        "/healthz",
        "/healthz?x",
        "/mcp/..;/x",
        "/mcp\\x",
        "/messages/?session_id",
        "/mcp?mysession_id=1",
        "/mcp/.",
    ],
    ":authority": ["other.test", "mcp.test:1", "mcp.test:8080", "xmcp.test", "mcp.test.", ""],
    "content-type": [
        "text/plain",
        "application/json;charset=utf-16",
        'application/json; charset="UTF-8"',
        "",
        "application/json, application/json",
        "application/json; charset=utf-8; charset=utf-7",
        "application/json;",
        "application/json; q=1",
        "APPLICATION/JSON ;charset=Utf-8",
        "application/jsonp",
    ],
}
ADD = {
    "content-encoding": ["gzip", "identity", "Identity", "identity, gzip", "", "br"],
    "upgrade": ["websocket", "h2c", "H2C", "h2c, websocket", ""],
    "x-http-method-override": ["GET"],
    "x-http-method": ["POST"],
    "x-method-override": [""],
    "mcp-method": ["tools/call", "tools/list", "Tools/call", ""],
    "mcp-name": [
        "get_invoice",
        "delete_all",
        "=?base64?Z2V0X2ludm9pY2U=?=",
        "=?base64?Zh==?=",
        "=?base64?/w==?=",
        "=?base64?Z?=",
        "=?BASE64?Z2V0?=",
        "=?base64??=",
        "",
    ],
    "mcp-protocol-version": ["2026-07-28", "2025-11-25", "", "x" * 64, "x" * 65],
    "last-event-id": ["1"],
    "mcp-session-id": ["s"],
    "accept": ["*/*"],
    "mcp-param-x": ["1"],
    "x-original-url": ["/x"],
    "x-rewrite-url": ["/mcp"],
    "x_custom": ["1"],
    "x_request_id": ["1"],
    "mcp_name": ["x"],
    "content_length": ["1"],
    "x-http_method": ["GET"],
    "mcp-session_id": ["s"],
}
SEALED = [
    "=?base64?Z2V0X2ludm9pY2U=?=",
    "=?base64?Zh==?=",
    "=?base64?/w==?=",
    "=?base64?Z?=",
    "=?base64?Z2V0",
    "=?base64?Z2 0?=",
]


def head(random, lines, body):
    choice = random.randrange(10)
    if choice < 2:
        name = random.choice(sorted(SET))
        lines = [line if line[0] != name else (name, random.choice(SET[name])) for line in lines]
    elif choice < 5:
        name = random.choice(sorted(ADD) + ["content-encoding", "upgrade"] * 3)
        lines = lines + [(name, random.choice(ADD[name]))]
    elif choice == 2:
        lines = [line for line in lines if line[0] != "mcp-name"] + [("mcp-name", random.choice(SEALED))]
    elif choice == 5:
        line = random.choice(lines[3:] or [("content-type", "application/json")])
        lines = lines + [line] if random.random() < 0.6 else [other for other in lines if other != line]
    elif choice == 6:
        length = len(body or b"")
        lines = lines + [
            ("content-length", random.choice([str(length)] * 3 + [str(length + 1), "0", "-1", "x", "", "99999999"]))
        ]
    elif choice == 7:
        body = random.choice([None, b"", body])
    else:
        names = ("mcp-method", "tools/list"), ("mcp-method", "x" * 257), ("mcp-name", "x" * 10_937), ("mcp-name", "x")
        lines = lines + [random.choice(names)]
    return lines, body
