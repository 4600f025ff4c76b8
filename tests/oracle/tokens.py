"""What an entry asks of a token, by section 3.3 of the design and docs/configuration.md."""

import base64
import re

import conditions
import patterns
from reading import Pairs, parse, text


class Tokens:
    """The tokens of one request: claims by the key of the metadata, and payload headers."""

    def __init__(self, case, head):
        self.metadata = case.get("claims") or {}
        self.head = head

    def claims(self, binding):
        """The claims, or the reason why there are none."""
        if binding.get("source", "metadata") == "header":
            return self.payload(binding["header"].lower())
        written = self.metadata.get(binding.get("metadata_key", "payload"))
        return "token_required" if written is None else parse(written)[0]

    def payload(self, name):
        values = self.head.get(name, [])
        if not values:
            return "token_required"
        if len(values) > 1 or not re.fullmatch("[A-Za-z0-9_-]*={0,2}", values[0]):
            return "token_unreadable"
        try:
            plain = values[0].rstrip("=")
            claims, whole = parse(base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4)).decode())
        except ValueError:
            return "token_unreadable"
        return claims if whole and isinstance(claims, Pairs) else "token_unreadable"


def admit(binding, claims, caller):
    """Why a token may not be used by this caller at all."""
    if isinstance(claims, str):
        return {claims}
    through_double = binding.get("source", "metadata") == "metadata"
    reasons = set()
    issuer = conditions.find(claims, "/iss")
    if not text(issuer) or issuer not in binding.get("issuers", [issuer]):
        reasons.add("token_issuer_not_allowed")
    if conditions.judge(binding.get("claims", {}), claims, caller, through_double):
        reasons.add("token_claim_not_met")
    if "tools_claim" in binding and tools(binding, claims) is None or "scopes" in binding and scopes(claims) is None:
        reasons.add("token_claim_missing")
    return reasons


def covers(binding, claims, tool):
    named = tools(binding, claims) if "tools_claim" in binding else ["*"]
    if not any(patterns.glob(item, tool) for item in named):
        return False
    if "scopes" not in binding:
        return True
    held = [items for scope, items in binding["scopes"].items() if scope in scopes(claims)]
    return any(patterns.glob(item, tool) for items in held for item in items)


def tools(binding, claims):
    claim = binding["tools_claim"]
    return conditions.words(conditions.find(claims, claim if claim.startswith("/") else "/" + claim))


def scopes(claims):
    scope = conditions.find(claims, "/scope")
    return conditions.words(conditions.find(claims, "/scp") if scope is conditions.MISSING else scope)
