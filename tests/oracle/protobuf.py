"""Envoy's dynamic metadata as a filter gets it: `envoy.config.core.v3.Metadata` in Protocol Buffers encoding."""

import json
import struct


def metadata(random, claims):
    """Claims by key, as JSON texts, among what other filters leave; maps have no order."""
    entries = [entry(key, value(random, json.loads(text))) for key, text in claims.items()]
    filters = [entry("envoy.filters.http.other", entry("payload", value(random, {"iss": "https://issuer.test"})))]
    if entries or random.random() < 0.1:
        filters.append(entry("envoy.filters.http.jwt_authn", b"".join(shuffled(random, entries))))
    # Typed metadata of other filters: a field that nobody here reads.
    typed = field(2, field(1, b"x") + field(2, b"\x0a\x01y")) if random.random() < 0.3 else b""
    return b"".join(shuffled(random, filters)) + typed if claims or random.random() < 0.5 else b""


def value(random, item):
    """`google.protobuf.Value`: every number is a double."""
    if item is None:
        return b"\x08\x00"
    if isinstance(item, bool):
        return bytes([4 << 3, item])
    if isinstance(item, (int, float)):
        return bytes([2 << 3 | 1]) + struct.pack("<d", double(item))
    if isinstance(item, str):
        return field(3, item.encode())
    if isinstance(item, dict):
        return field(5, b"".join(shuffled(random, [entry(key, value(random, member)) for key, member in item.items()])))
    return field(6, b"".join(field(1, value(random, member)) for member in item))


def double(number):
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def shuffled(random, items):
    return random.sample(items, len(items))


def entry(key, content):
    return field(1, field(1, key.encode()) + field(2, content))


def field(number, content):
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(number):
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])
