"""A whole session of the MCP SDK 2.x for Python, in either era, with refusals in between."""

from contextlib import asynccontextmanager

import anyio
import httpx2
import mcp.client.session
import mcp.types as types
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from steps import Steps, tls


class Desk:
    """The client in the words of `Steps.session`."""

    def __init__(self, another) -> None:
        self.another = another
        self.client: Client | None = None
        self._updated = anyio.Event()
        self._uri = None

    async def on_message(self, message) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            self._uri = str(message.params.uri)
            self._updated.set()

    async def on_question(self, _context, _params) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"sure": True})

    async def tools(self):
        return sorted(tool.name for tool in (await self.client.list_tools()).tools)

    async def call(self, name, arguments):
        return (await self.client.call_tool(name, arguments)).content[0].text

    async def prompts(self):
        return [prompt.name for prompt in (await self.client.list_prompts()).prompts]

    async def prompt(self, name, arguments):
        return (await self.client.get_prompt(name, arguments)).messages[0].role

    async def resources(self):
        return [str(resource.uri) for resource in (await self.client.list_resources()).resources]

    async def read(self, uri):
        return (await self.client.read_resource(uri)).contents[0].text

    async def subscribe(self, uri):
        if self.client.protocol_version < "2026-07-28":
            await self.client.subscribe_resource(uri)
        else:
            async with self.client.listen(resource_subscriptions=["desk://handbook", uri]):
                pass

    async def hears_of(self, uri):
        if self.client.protocol_version >= "2026-07-28":
            async with self.client.listen(resource_subscriptions=[uri]) as events:
                await self.call("read_ticket", {"ticket": "T-1"})
                return (await anext(aiter(events))).uri
        await self.subscribe(uri)
        await self.call("read_ticket", {"ticket": "T-1"})
        await self._updated.wait()
        return self._uri


@asynccontextmanager
async def transport(args, steps):
    options = {"verify": tls(args), "event_hooks": {"response": [steps.seen]}}
    if args.mode == "sse":
        yield sse_client(args.url, httpx_client_factory=lambda **given: httpx2.AsyncClient(**options, **given))
    else:
        async with httpx2.AsyncClient(**options) as http:
            yield streamable_http_client(args.url, http_client=http)


async def session(args, steps) -> None:
    mode = args.mode
    if mode not in ("auto", "2026-07-28"):
        # In the older era this SDK always offers its newest version; there is no setting.
        mcp.client.session.LATEST_HANDSHAKE_VERSION = "2024-11-05" if mode == "sse" else mode
        mode = "legacy"

    @asynccontextmanager
    async def open_desk():
        desk = Desk(open_desk)
        handlers = {"message_handler": desk.on_message, "elicitation_callback": desk.on_question}
        async with transport(args, steps) as wire, Client(wire, mode=mode, cache=None, **handlers) as client:
            desk.client = client
            yield desk

    async with open_desk() as desk:
        protocol = desk.client.protocol_version
        steps.step("connect", True, protocol)
        await steps.session(desk)
    # Neither the modern era nor HTTP+SSE has sessions to end.
    sessionless = args.mode == "sse" or protocol >= "2026-07-28"
    steps.step("end", sessionless or steps.ended, steps.exchanges)


Steps().run(session)
