use super::Case;

/// Found in a policy alone.
pub(super) const ALONE: &[Case] = &[
    (
        "any_tool",
        "callers: { spiffe://a/b: [x, '*'] }",
        "callers.\"spiffe://a/b\"[1]: `*` grants every tool of the server, those to come included",
        "callers: { spiffe://a/b: { tools: [x, 'x*'], deny_tools: ['*'], prompts: ['*'] } }",
    ),
    (
        "any_tool_to_pattern",
        "tool_sets: { all: [x, '**'] }\ncallers: { 'spiffe://a/*': [{ set: all }] }",
        "callers.\"spiffe://a/*\"[0]: the set `all` grants every tool of the server, those to come included, to every caller of `spiffe://a/*`",
        "tool_sets: { all: [x, '**'] }\ncallers: { 'spiffe://a/b': [{ set: all }] }",
    ),
    (
        "candidate_present",
        "callers: { spiffe://a/b: [x] }\ncandidate: { callers: {} }",
        "candidate: is judged and recorded, but not enforced",
        "callers: { spiffe://a/b: [x] }",
    ),
    (
        "condition_never_holds",
        "callers:
  spiffe://a/b:
    tools:
      - { name: a, arguments: { /v: { minimum: 2, maximum: 1.5 } } }
      - { name: b, arguments: { /v: { equals: GBP, one_of: [USD, EUR] } } }
      - { name: c, arguments: { /v: { matches: 'abc*d', max_length: 3 } } }
      - { name: d, arguments: { /v: { present: false, max_length: 3 } } }
      - { name: e, arguments: { /v: { minimum: 1, matches: '*' } } }
      - { name: f, arguments: { /v: { under: /data, matches: 'logs/*' } } }
      - { name: g, arguments: { /v: { equals: 1, max_length: 9 } } }
      - { name: h, arguments: { /v: { under: /data, max_length: 4 } } }
      - { name: i, arguments: { /v: { equals: x }, /v/w: { present: true } } }
      - { name: j, arguments: { /v: { present: false }, /v/w/x: { maximum: 1 } } }
      - { name: k, arguments: { /v: { one_of: [abc, abd], matches: '*c', max_length: 2 } } }
    token: { issuers: [i], claims: { /n: { equals: 2, maximum: 1 } } }",
        "callers.\"spiffe://a/b\".tools[0].arguments.\"/v\": can never hold: `minimum` 2 is more than `maximum` 0.15e1
callers.\"spiffe://a/b\".tools[1].arguments.\"/v\": can never hold: no value of `equals` meets the other operators
callers.\"spiffe://a/b\".tools[2].arguments.\"/v\": can never hold: `matches` needs 4 characters, `max_length` allows 3
callers.\"spiffe://a/b\".tools[3].arguments.\"/v\": can never hold: `present: false` asks for no value, the other operators for one
callers.\"spiffe://a/b\".tools[4].arguments.\"/v\": can never hold: `minimum` asks for a number, `matches` for a string
callers.\"spiffe://a/b\".tools[5].arguments.\"/v\": can never hold: nothing that `matches` takes lies `under` the path
callers.\"spiffe://a/b\".tools[6].arguments.\"/v\": can never hold: no value of `equals` meets the other operators
callers.\"spiffe://a/b\".tools[7].arguments.\"/v\": can never hold: `under` needs 5 characters, `max_length` allows 4
callers.\"spiffe://a/b\".tools[8].arguments.\"/v/w\": can never hold: `/v` has no members: `equals` asks for a single value of it
callers.\"spiffe://a/b\".tools[9].arguments.\"/v/w/x\": can never hold: `/v` must not be present
callers.\"spiffe://a/b\".tools[10].arguments.\"/v\": can never hold: no value of `one_of` meets the other operators
callers.\"spiffe://a/b\".token.claims.\"/n\": can never hold: no value of `equals` meets the other operators",
        "callers:
  spiffe://a/b:
    tools:
      - { name: a, arguments: { /v: { minimum: 1.5, maximum: 1.5 } } }
      - { name: b, arguments: { /v: { equals: USD, one_of: [USD, EUR] } } }
      - { name: c, arguments: { /v: { matches: 'abc*d', max_length: 4 } } }
      - { name: d, arguments: { /v: { present: false } } }
      - { name: e, arguments: { /v: { present: true, minimum: 1 } } }
      - { name: f, arguments: { /v: { under: /data, matches: '/data*' } } }
      - { name: g, arguments: { /v: { equals: '1', max_length: 9 } } }
      - { name: h, arguments: { /v: { under: /data, max_length: 5 } } }
      - { name: i, arguments: { /v: { present: true }, /v/w: { present: true } } }
      - { name: j, arguments: { /v: { present: false }, /v/w/x: { present: false } } }
      - { name: k, arguments: { /v: { one_of: [abc, ac], matches: '*c', max_length: 2 } } }
      - { name: l, arguments: { /v: { one_of: [1, x], minimum: 1 } } }
      - { name: m, arguments: { /v: { under: /data/, matches: '*/x' } } }
    token:
      issuers: [i]
      claims: { /sub: { equals_caller: true, matches: 'spiffe://a/*' }, /x: { equals_caller: true, equals: spiffe://a/b } }",
    ),
    (
        "denials_not_logged",
        "callers: { spiffe://a/b: [x] }\naudit: { deny: false }",
        "audit.deny: refused requests leave no line in the log",
        "callers: { spiffe://a/b: [x] }\naudit: { allow: false }",
    ),
    (
        "double_star_caller",
        "callers: { 'spiffe://a/ns/**': [x] }",
        "callers.\"spiffe://a/ns/**\": is for every workload below `spiffe://a/ns/`",
        "callers: { 'spiffe://a/ns/*': [x], 'spiffe://a/ns/**': { deny_tools: [w] } }",
    ),
    (
        "empty_entry",
        "callers: { spiffe://a/b: [], spiffe://a/c: { tasks: false, owner: me } }",
        "callers.\"spiffe://a/b\": grants nothing, denies nothing and asks for no token
callers.\"spiffe://a/c\": grants nothing, denies nothing and asks for no token",
        "callers: { spiffe://a/b: { deny_tools: [x] }, spiffe://a/c: { tasks: true }, spiffe://a/d: { token: {} } }",
    ),
    (
        "empty_policy",
        "callers: { spiffe://a/b: { deny_tools: [x] } }",
        ": grants nothing: every request is refused",
        "callers: { spiffe://a/b: { tasks: true } }",
    ),
    (
        "empty_set",
        "tool_sets: { t: [] }\ncaller_sets: { c: [] }\ncallers: { set:c: [{ set: t }] }",
        "tool_sets.t: the set `t` is empty\ncaller_sets.c: the set `c` is empty",
        "tool_sets: { t: [x] }\ncaller_sets: { c: [spiffe://a/b] }\ncallers: { set:c: [{ set: t }] }",
    ),
    (
        "expired",
        "callers:
  spiffe://a/b:
    tools: [{ name: x, expires: 2026-11-20T00:00:00Z }]
  spiffe://a/c: { tools: [{ name: x, expires: 2030-01-01T00:00:00Z }], expires: 2020-01-01T00:00:00Z }",
        "callers.\"spiffe://a/b\".tools[0].expires: ended on 2026-11-20T00:00:00Z: it grants nothing
callers.\"spiffe://a/c\".expires: ended on 2020-01-01T00:00:00Z: it grants nothing",
        "callers: { spiffe://a/b: [{ name: x, expires: 2026-11-20T00:00:01Z }] }",
    ),
    (
        "expires_soon",
        "callers:
  spiffe://a/b: [{ name: x, expires: 2026-12-20T00:00:00Z }, { name: w, expires: 2026-11-20T00:00:01Z }]
  spiffe://a/c: { tools: [x], expires: 2026-11-21T12:00:00Z }",
        "callers.\"spiffe://a/b\"[0].expires: ends in 30 days, on 2026-12-20T00:00:00Z
callers.\"spiffe://a/b\"[1].expires: ends in less than a day, on 2026-11-20T00:00:01Z
callers.\"spiffe://a/c\".expires: ends in 1 day, on 2026-11-21T12:00:00Z",
        "callers: { spiffe://a/b: [{ name: x, expires: 2026-12-20T00:00:01Z }, { name: w, expires: 2026-11-20T00:00:00Z }] }",
    ),
    (
        "grant_denied",
        "tool_sets: { admin: [x_admin, y_admin] }
callers:
  spiffe://a/b: { tools: [a_admin, 'get_*_admin', b], deny_tools: ['*_admin'] }
  spiffe://a/ns/c: [{ set: admin }]
  'spiffe://a/ns/*': { deny_tools: [x_admin, { set: admin }] }
  'spiffe://a/*/d': [y_admin]
  'spiffe://a/**': { deny_tools: [y_admin] }",
        "callers.\"spiffe://a/b\".tools[0]: `a_admin` is denied by `*_admin` in `deny_tools` of the same entry
callers.\"spiffe://a/b\".tools[1]: `get_*_admin` is denied by `*_admin` in `deny_tools` of the same entry
callers.\"spiffe://a/ns/c\"[0]: each tool of the set `admin` is denied by `x_admin` in `deny_tools` of callers.\"spiffe://a/ns/*\", and more
callers.\"spiffe://a/*/d\"[0]: `y_admin` is denied by `y_admin` in `deny_tools` of callers.\"spiffe://a/**\"",
        "tool_sets: { admin: [x_admin, y_admin] }
caller_sets: { two: [spiffe://a/ns/c, spiffe://b/c] }
callers:
  spiffe://a/b: { tools: ['*', 'a_admin*'], deny_tools: ['*_admin'] }
  spiffe://a/ns/c: [{ set: admin }]
  'spiffe://a/ns/*': { deny_tools: [x_admin] }
  'spiffe://a/*/d': [y_admin]
  'spiffe://a/ns/d': { deny_tools: [y_admin] }
  set:two: [z]
  'spiffe://b/*': { deny_tools: [z] }",
    ),
    (
        "lookalike_names",
        "tool_sets: { s: [Search] }
callers:
  spiffe://a/b: { tools: [search, get_1, { set: s }], deny_tools: [get_l] }
  spiffe://a/c: [sеarch, 'Read_*', 'read_*']",
        "callers.\"spiffe://a/b\".tools[0]: `search` differs only by case from `Search`
callers.\"spiffe://a/b\".deny_tools[0]: `get_l` differs only in looks from `get_1`
callers.\"spiffe://a/c\"[0]: `sеarch` differs only in looks from `Search`
callers.\"spiffe://a/c\"[2]: `read_*` differs only by case from `Read_*`",
        "callers: { spiffe://a/b: { tools: [search, get_1, get_2, 'get_*'], deny_tools: [search] } }",
    ),
    (
        "non_ascii_name",
        "callers: { spiffe://a/b: [größe], spiffe://a/c: [größe] }",
        "callers.\"spiffe://a/b\"[0]: `größe` is not ASCII",
        "callers: { spiffe://a/b: { tools: [x], prompts: [größe] } }",
    ),
    (
        "observe_mode",
        "callers: { spiffe://a/b: [x] }\nenforcement: observe",
        "enforcement: nothing is refused: refusals are only recorded",
        "callers: { spiffe://a/b: [x] }\nenforcement: enforce",
    ),
    (
        "payload_header_forgeable",
        "callers: { spiffe://a/b: { tools: [x], token: { issuers: [i], source: header, header: x-jwt } } }",
        "callers.\"spiffe://a/b\".token.source: before Envoy 1.40, a caller's own `x-jwt` survives where no rule of `jwt_authn` matches",
        "callers: { spiffe://a/b: { tools: [x], token: { issuers: [i], source: metadata } } }",
    ),
    (
        "redundant_entry",
        "callers:
  'spiffe://a/*': { tools: ['get_*', ping], prompts: ['*'], resources: ['file:///a/**'], extra_methods: [v/x], tasks: list }
  spiffe://a/b: { tools: [get_x], prompts: [p], resources: ['file:///a/*'], extra_methods: [v/x], tasks: true }
  'spiffe://a/x*': [ping, pong]
  spiffe://a/xy: [pong, get_x]",
        "callers.\"spiffe://a/b\": its callers have all that it grants from callers.\"spiffe://a/*\" as well
callers.\"spiffe://a/xy\": its callers have all that it grants from other entries together as well",
        "callers:
  'spiffe://a/*': { tools: ['get_*', { name: pay, expires: 2030-01-01T00:00:00Z }], resources: ['file:///a/*'] }
  spiffe://a/b: [get_x, ping]
  spiffe://a/c: { tools: [get_x], deny_tools: [w] }
  spiffe://a/d: { tools: [get_x], token: { issuers: [i] } }
  spiffe://a/e: { resources: ['file:///a/**'] }
  spiffe://a/f: [pay]
  spiffe://a/g: [{ name: get_x, unconditional: true }, { name: more, arguments: { /v: { equals: 1 } } }]
  spiffe://a/h: { tasks: true }
  'spiffe://b/**': { deny_tools: [w] }
  spiffe://b/c: [x]",
    ),
    (
        "redundant_item",
        "tool_sets: { s: [a, 'b*', bc, 'b**'] }
caller_sets: { c: ['spiffe://a/*', spiffe://a/b, 'spiffe://a/**', 'spiffe://a/x*'] }
callers:
  set:c:
    tools: [x, x, { set: s }, bcd, { name: 'y*', unconditional: true }, { name: yz, arguments: { /v: { equals: 1 } } }]
    deny_tools: [{ set: s }, a]
    prompts: [p, 'p*']
    resources: ['file:///a/**', 'file:///a/b', 'file:///a/*', 'file:///b/*', 'file:///b/**']
    extra_methods: [v/x, v/x]",
        "tool_sets.s[2]: `bc` is covered by `b*` of the same list
tool_sets.s[3]: `b**` is covered by `b*` of the same list
caller_sets.c[0]: `spiffe://a/*` is covered by `spiffe://a/**` of the same list
caller_sets.c[1]: `spiffe://a/b` is covered by `spiffe://a/*` of the same list
caller_sets.c[3]: `spiffe://a/x*` is covered by `spiffe://a/*` of the same list
callers.\"set:c\".tools[1]: `x` is covered by `x` of the same list
callers.\"set:c\".tools[3]: `bcd` is covered by the set `s` of the same list
callers.\"set:c\".tools[5]: `yz` is covered by `y*` of the same list
callers.\"set:c\".deny_tools[1]: `a` is covered by the set `s` of the same list
callers.\"set:c\".prompts[0]: `p` is covered by `p*` of the same list
callers.\"set:c\".resources[1]: `file:///a/b` is covered by `file:///a/**` of the same list
callers.\"set:c\".resources[2]: `file:///a/*` is covered by `file:///a/**` of the same list
callers.\"set:c\".resources[3]: `file:///b/*` is covered by `file:///b/**` of the same list
callers.\"set:c\".extra_methods[1]: `v/x` is covered by `v/x` of the same list",
        "tool_sets: { s: [a, 'b*', ab] }
caller_sets: { c: ['spiffe://a/*', spiffe://b/b, 'spiffe://a/*/x'] }
callers:
  set:c:
    tools: [x, 'x_*', { set: s }, { name: 'y*', expires: 2030-01-01T00:00:00Z }, { name: yz }, 'z*', { name: qb, unconditional: true }, { name: 'q*b', arguments: { /v: { equals: 1 } } }]
    deny_tools: [{ set: s }, c]
    prompts: [p, 'p?*']
    resources: ['file:///a/*', 'file:///a/*/b', 'file:///a/b/*', 'file:///a/b?c']
    extra_methods: [v/x, v/y]",
    ),
    (
        "token_of_any_issuer",
        "callers: { spiffe://a/b: { tools: [x], token: {} } }",
        "callers.\"spiffe://a/b\".token: takes the token of any issuer that `jwt_authn` accepts",
        "callers: { spiffe://a/b: { tools: [x], token: { issuers: [i] } } }",
    ),
    (
        "unused_set",
        "tool_sets: { t: [x] }\ncaller_sets: { t: [spiffe://a/b] }\ncallers: { spiffe://a/b: [t] }",
        "tool_sets.t: no entry uses the set `t`\ncaller_sets.t: no entry uses the set `t`",
        "tool_sets: { t: [x], d: [w] }\ncaller_sets: { t: [spiffe://a/b] }\ncallers: { set:t: { tools: [{ set: t }], deny_tools: [{ set: d }] } }",
    ),
    (
        "unusual_name",
        "callers: { spiffe://a/b: { tools: [a/b], deny_tools: ['a b'] } }",
        "callers.\"spiffe://a/b\".tools[0]: `a/b` has a `/`\ncallers.\"spiffe://a/b\".deny_tools[0]: `a b` has a ` `",
        "callers: { spiffe://a/b: { tools: ['a-b_c.D*0'], prompts: ['a b'] } }",
    ),
    (
        "whole_trust_domain",
        "caller_sets: { c: ['spiffe://a/x/**', 'spiffe://a/**'] }\ncallers: { set:c: [x] }",
        "callers.\"set:c\": is for every workload of the trust domain `a`",
        "callers: { 'spiffe://a/x/**': [x], 'spiffe://a/**': { token: { issuers: [i] } } }",
    ),
];

/// Found in a policy beside the tools of its server: `create_refund`, `delete_all`, `get_ticket`, `list_tickets`.
pub(super) const WITH_TOOLS: &[Case] = &[
    (
        "destructive_by_wildcard",
        "callers: { 'spiffe://a/b': ['*'] }",
        "callers.\"spiffe://a/b\"[0]: `*` grants what the server calls destructive: `delete_all`",
        "callers: { spiffe://a/b: [delete_all, 'get_*'], spiffe://a/c: { tools: ['*'], deny_tools: ['delete_*'] } }",
    ),
    (
        "undeclared_argument",
        "callers: { spiffe://a/b: [{ name: 'get_*', arguments: { /name: { equals: x } } }] }",
        "callers.\"spiffe://a/b\"[0].arguments.\"/name\": `get_ticket` does not declare an argument `/name`",
        "callers: { spiffe://a/b: [{ name: 'get_*', arguments: { /id: { equals: x } } }] }",
    ),
    (
        "ungranted_tool",
        "callers:
  spiffe://a/b: { tools: ['*_refund', delete_all, { name: list_tickets, expires: 2020-01-01T00:00:00Z }], deny_tools: ['delete_*'] }",
        "callers: nobody may call 3 of the server's 4 tools: `delete_all`, `get_ticket`, `list_tickets`",
        "callers: { spiffe://a/b: { tools: ['*'], deny_tools: [delete_all] }, spiffe://a/c: [delete_all] }",
    ),
    (
        "unknown_argument",
        "callers: { spiffe://a/b: [{ name: create_refund, arguments: { /amuont: { maximum: 1 }, /amount/value: { maximum: 1 } } }] }",
        "callers.\"spiffe://a/b\"[0].arguments.\"/amuont\": `create_refund` takes no argument `/amuont`
callers.\"spiffe://a/b\"[0].arguments.\"/amount/value\": `create_refund` takes no argument `/amount/value`",
        "callers: { spiffe://a/b: [{ name: create_refund, arguments: { /amount: { maximum: 1 }, /memo/x: { equals: 1 } } }] }",
    ),
    (
        "unknown_denied_tool",
        "callers: { spiffe://a/b: { tools: [get_ticket], deny_tools: [delete_al, 'admin_*'] } }",
        "callers.\"spiffe://a/b\".deny_tools[0]: the server has no tool `delete_al`",
        "callers: { spiffe://a/b: { tools: [get_ticket], deny_tools: [delete_all, 'delete_*'] } }",
    ),
    (
        "unknown_tool",
        "tool_sets: { s: [get_tikcet] }
callers: { spiffe://a/b: [{ set: s }, 'get_t*'], spiffe://a/c: [get_tikcet, 'write_*'] }",
        "tool_sets.s[0]: the server has no tool `get_tikcet`; it stands in 2 places
callers.\"spiffe://a/c\"[1]: no tool of the server matches `write_*`",
        "callers: { spiffe://a/b: ['get_*', list_tickets, '*'] }",
    ),
    (
        "wrong_argument_type",
        "callers: { spiffe://a/b: [{ name: create_refund, arguments: { /amount: { matches: '1*' } } }] }",
        "callers.\"spiffe://a/b\"[0].arguments.\"/amount\": `create_refund` declares `/amount` as number, which `matches` never takes",
        "callers: { spiffe://a/b: [{ name: create_refund, arguments: { /amount: { one_of: [1, x] }, /memo: { matches: '1*' } } }] }",
    ),
];
