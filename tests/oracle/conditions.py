"""Conditions on arguments and claims, by section 3.2 of the design and docs/configuration.md."""

import decimal
import re

import patterns
from reading import Number, Pairs, keys_of, text

MISSING, AMBIGUOUS, UNREACHABLE, UNKNOWN = object(), object(), object(), object()
LARGEST_SAFE = 2**53 - 1

# Farther than any exponent of a number that is compared with.
FAR = 10**15


def number(written):
    """The value of a JSON number. Beyond any exponent that a server could mean, far is far."""
    mantissa, _, exponent = written.lower().partition("e")
    if exponent and abs(int(exponent)) > FAR:
        sign = "-" if mantissa.startswith("-") else ""
        if not mantissa.strip("-0."):
            return decimal.Decimal(0)
        exponent = f"{'-' if exponent.startswith('-') else ''}{FAR}"
        written = f"{sign}1e{exponent}"
    return decimal.Decimal(written)


def operand(value):
    """A scalar of the configuration: the type of JSON it is, and its value."""
    if isinstance(value, dict):
        return "number", number(value["number"])
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, (int, float)):
        return "number", decimal.Decimal(repr(value))
    return "string", value


def scalar(value, through_double):
    """The same of a value that a request holds."""
    if isinstance(value, Number):
        return "number", as_double(value) if through_double else number(value)
    if isinstance(value, bool):
        return "boolean", value
    return ("string", value) if isinstance(value, str) else ("other", None)


def as_double(written):
    """A claim has been a double on its way: what of it is known for sure."""
    double = float(written)
    if double in (float("inf"), float("-inf")) or double.is_integer() and abs(double) > LARGEST_SAFE:
        return UNKNOWN
    if double.is_integer():
        return decimal.Decimal(int(double))
    shortest = decimal.Decimal(repr(double))
    _, digits, exponent = shortest.as_tuple()
    return shortest if len(digits) <= 15 and -exponent <= 15 else UNKNOWN


def tokens(pointer):
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def find(value, pointer):
    """What stands there: a value, or one of the three that are none."""
    for token in tokens(pointer):
        if value is MISSING or value is None:
            return MISSING
        if isinstance(value, Pairs):
            if keys_of(value, {token}):
                return AMBIGUOUS
            value = value.get(token) if value.has(token) else MISSING
        elif isinstance(value, list):
            is_index = re.fullmatch("0|[1-9][0-9]*", token)
            if not is_index and value:
                return UNREACHABLE
            value = value[int(token)] if is_index and int(token) < len(value) else MISSING
        else:
            return UNREACHABLE
    return value


def holds(operator, wanted, value, caller, through_double):
    if operator == "present":
        return (value is not MISSING) == wanted and value is not UNREACHABLE
    if value in (MISSING, UNREACHABLE):
        return False
    kind, value = scalar(value, through_double)
    if value is UNKNOWN:
        return False
    if operator == "equals":
        return operand(wanted) == (kind, value)
    if operator == "one_of":
        return (kind, value) in [operand(item) for item in wanted]
    if operator in ("minimum", "maximum"):
        least, most = (value, operand(wanted)[1]) if operator == "maximum" else (operand(wanted)[1], value)
        return kind == "number" and least <= most
    if kind != "string":
        return False
    if operator == "matches":
        return patterns.glob(wanted, value)
    if operator == "under":
        below = value == wanted or value.startswith(wanted if wanted.endswith("/") else wanted + "/")
        return below and not patterns.ambiguous(value)
    if operator == "equals_caller":
        return value == caller
    return operator == "max_length" and len(value) <= int(wanted)


def judge(conditions, value, caller, through_double=False):
    """What is said of all conditions together: `fails`, `ambiguous`, both, or nothing if they hold."""
    said = set()
    for pointer, operators in conditions.items():
        found = find(value, pointer)
        if found is AMBIGUOUS:
            said.add("ambiguous")
        elif not all(holds(name, wanted, found, caller, through_double) for name, wanted in operators.items()):
            said.add("fails")
    return said


def words(value):
    """A list of strings, or one string of several; None if it is neither."""
    if text(value):
        return [word for word in value.split(" ") if word]
    is_list = isinstance(value, list) and not isinstance(value, Pairs)
    return list(value) if is_list and all(text(item) for item in value) else None
