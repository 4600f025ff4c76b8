"""A whole session of the MCP SDK 1.x for Python, with refusals in between."""

from contextlib import asynccontextmanager

import anyio
import httpx
import mcp.types as types
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl

from steps import Steps, tls


class Desk:
    """The client in the words of `Steps.session`."""

    def __init__(self, another) -> None:
        self.another = another
        self.session: ClientSession | None = None
        self._updated = anyio.Event()
        self._uri = None

    async def on_message(self, message) -> None:
        if isinstance(message, types.ServerNotification):
            if isinstance(message.root, types.ResourceUpdatedNotification):
                self._uri = str(message.root.params.uri)
                self._updated.set()

    async def on_question(self, _context, _params) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"sure": True})

    async def tools(self):
        return sorted(tool.name for tool in (await self.session.list_tools()).tools)

    async def call(self, name, arguments):
        return (await self.session.call_tool(name, arguments)).content[0].text

    async def prompts(self):
        return [prompt.name for prompt in (await self.session.list_prompts()).prompts]

    async def prompt(self, name, arguments):
        return (await self.session.get_prompt(name, arguments)).messages[0].role

    async def resources(self):
        return [str(resource.uri) for resource in (await self.session.list_resources()).resources]

    async def read(self, uri):
        return (await self.session.read_resource(AnyUrl(uri))).contents[0].text

    async def subscribe(self, uri):
        await self.session.subscribe_resource(AnyUrl(uri))

    async def hears_of(self, uri):
        await self.subscribe(uri)
        await self.call("read_ticket", {"ticket": "T-1"})
        await self._updated.wait()
        return self._uri


@asynccontextmanager
async def transport(args, steps):
    options = {"verify": tls(args), "event_hooks": {"response": [steps.seen]}}
    if args.mode == "sse":

        def factory(**given):
            return httpx.AsyncClient(**options, **given)

        async with sse_client(args.url, httpx_client_factory=factory) as (read, write):
            yield read, write
    else:
        async with (
            httpx.AsyncClient(**options) as http,
            streamable_http_client(args.url, http_client=http) as (read, write, _),
        ):
            yield read, write


async def session(args, steps) -> None:
    # This SDK always offers the newest version that it knows; there is no setting.
    types.LATEST_PROTOCOL_VERSION = "2024-11-05" if args.mode == "sse" else args.mode

    @asynccontextmanager
    async def open_desk():
        desk = Desk(open_desk)
        async with (
            transport(args, steps) as streams,
            ClientSession(*streams, message_handler=desk.on_message, elicitation_callback=desk.on_question) as client,
        ):
            desk.protocol = (await client.initialize()).protocolVersion
            desk.session = client
            yield desk

    async with open_desk() as desk:
        steps.step("connect", True, desk.protocol)
        await steps.session(desk)
    steps.step("end", args.mode == "sse" or steps.ended, steps.exchanges)


Steps().run(session)
