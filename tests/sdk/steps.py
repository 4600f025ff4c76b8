"""What the Python clients share: their arguments, TLS, and one JSON line for each step."""

import argparse
import json
import ssl
import sys

import anyio

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

GRANTED = ("search_tickets", {"query": "late"})
REFUSED = ("create_refund", {"ticket": "T-1", "amount": 50})
SECONDS = 30  # for the whole session


def arguments(**modes) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--url", "--ca", "--cert", "--key"):
        parser.add_argument(name, required=True)
    if modes:
        parser.add_argument("--mode", **modes)
    return parser.parse_args()


def tls(args: argparse.Namespace) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=args.ca)
    context.load_cert_chain(args.cert, args.key)
    return context


class Steps:
    """Prints each step as it ends; the process fails if any of them did not go as expected."""

    def __init__(self) -> None:
        self.exchanges: list[str] = []
        self._all_ok = True

    async def seen(self, response) -> None:
        """A response hook for the HTTP client."""
        self.exchanges.append(f"{response.request.method} {response.status_code}")

    def step(self, name: str, ok: bool, detail) -> None:
        self._all_ok &= ok
        print(json.dumps({"step": name, "ok": ok, "detail": detail}), flush=True)

    def refusal(self, error) -> None:
        """`error` is the JSON-RPC error of the refused call, or nothing if it was not refused."""
        reason = ((getattr(error, "data", None) or {}).get("mcp_toolgate") or {}).get("reason")
        code = getattr(error, "code", None)
        detail = {"code": code, "reason": reason, "message": getattr(error, "message", None)}
        self.step("refused_call", code == 403 and reason == "tool_not_granted", detail)

    def run(self, session, **modes) -> None:
        """Run `session` with the command line's arguments, and end the process with its outcome."""
        args = arguments(**modes)

        async def in_time() -> None:
            with anyio.fail_after(SECONDS):
                await session(args, self)

        try:
            anyio.run(in_time)
        except Exception as error:
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            self.step("failed", False, f"{type(error).__name__}: {error}")
        sys.exit(not self._all_ok)
