"""What the Python clients share: their arguments, TLS, a session's steps, and one JSON line for each of them."""

import argparse
import json
import ssl
import sys

import anyio

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

GRANTED = ("search_tickets", {"query": "late"})
REFUSED = ("create_refund", {"ticket": "T-1", "amount": 50})
HANDBOOK, SALARIES = "desk://handbook", "desk://salaries"
SHOWN = ["close_ticket", "read_ticket", "search_tickets"]
SECONDS = 60  # for the whole session
PATIENCE = 10  # seconds, for an answer
BRIEF = 2  # seconds, where none may come


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--url", "--ca", "--cert", "--key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--mode", required=True, help="a protocol version, auto, or sse for HTTP+SSE")
    return parser.parse_args()


def tls(args: argparse.Namespace) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=args.ca)
    context.load_cert_chain(args.cert, args.key)
    return context


class Steps:
    """Prints each step as it ends."""

    def __init__(self) -> None:
        self.exchanges: list[str] = []
        self.mode = ""

    async def seen(self, response) -> None:
        """A response hook for the HTTP client."""
        self.exchanges.append(f"{response.request.method} {response.status_code}")

    @property
    def ended(self) -> bool:
        """Whether the server confirmed the end of the session."""
        return any(exchange.startswith("DELETE 2") for exchange in self.exchanges)

    def step(self, name: str, ok: bool, detail) -> None:
        print(json.dumps({"step": name, "ok": ok, "detail": detail}), flush=True)

    async def works(self, name: str, call, expected) -> None:
        """One step: what `call` gives is what was expected; whatever it raises is what differs."""
        said = await outcome(call)
        self.step(name, said == expected, said)

    async def refused(self, name: str, desk, call, reason: str) -> None:
        """One step: `call` fails by the filter's refusal, as the SDK hands it on."""
        if self.mode != "sse":
            said = await outcome(call(desk))
        else:
            # Over HTTP+SSE a refusal may be the end of a session: it gets one of its own, and a granted call after it.
            async with desk.another() as other:
                said = await outcome(call(other), BRIEF)
                said = f"{said}; then: {await outcome(other.call(*GRANTED))}"
        self.step(name, said == f"403 {reason}", said)

    async def session(self, desk) -> None:
        """All between the beginning of a session and its end; `desk` is an SDK's client in the words used here."""

        async def refused(name, call, reason):
            await self.refused(name, desk, call, reason)

        await self.works("list_tools", desk.tools(), SHOWN)
        await self.works("granted_call", desk.call(*GRANTED), "T-1 mentions late")
        await refused("refused_call", lambda it: it.call(*REFUSED), "tool_not_granted")
        await self.works("granted_again", desk.call(*GRANTED), "T-1 mentions late")
        await self.works("list_prompts", desk.prompts(), ["refund_letter"])
        await self.works("get_prompt", desk.prompt("refund_letter", {"ticket": "T-1"}), "user")
        await refused("refused_prompt", lambda it: it.prompt("dismissal_letter", {"name": "Bo"}), "prompt_not_granted")
        await self.works("list_resources", desk.resources(), [HANDBOOK])
        await self.works("read_resource", desk.read(HANDBOOK), "Be kind, and check the amount twice.")
        await refused("refused_resource", lambda it: it.read(SALARIES), "resource_not_granted")
        await self.works("subscribe", desk.hears_of(HANDBOOK), HANDBOOK)
        await refused("refused_subscribe", lambda it: it.subscribe(SALARIES), "resource_not_granted")
        await self.works("ask_user", desk.call("close_ticket", {"ticket": "T-1"}), "T-1: accept")
        await refused("refused_last", lambda it: it.call("delete_all", {}), "tool_not_granted")
        await self.works("granted_last", desk.call(*GRANTED), "T-1 mentions late")

    def run(self, session) -> None:
        """Run `session` with the command line's arguments."""
        args = arguments()
        self.mode = args.mode

        async def in_time() -> None:
            with anyio.fail_after(SECONDS):
                await session(args, self)

        try:
            anyio.run(in_time)
        except Exception as error:
            self.step("failed", False, describe(error))


async def outcome(call, seconds=PATIENCE):
    """What a call gives, or the error that it raises; no answer in time is one, too."""
    try:
        with anyio.fail_after(seconds):
            return await call
    except TimeoutError:
        return "no answer"
    except Exception as error:
        return describe(error)


def describe(error) -> str:
    """A JSON-RPC error by its code and the filter's reason, any other by its text."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    error = getattr(error, "error", error)
    data = getattr(error, "data", None)
    reason = (data.get("mcp_toolgate") or {}).get("reason") if isinstance(data, dict) else None
    code = getattr(error, "code", type(error).__name__)
    return f"{code} {reason or getattr(error, 'message', error)}"
