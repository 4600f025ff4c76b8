"""Patterns, by section 3 of the design and docs/configuration.md; globs are regular expressions."""

import re


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
