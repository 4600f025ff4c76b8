"""A whole session of the MCP SDK 2.x for Python, in either era, with a refused call in the middle."""

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from steps import GRANTED, REFUSED, Steps, tls


async def session(args, steps) -> None:
    async with (
        httpx2.AsyncClient(verify=tls(args), event_hooks={"response": [steps.seen]}) as http,
        Client(streamable_http_client(args.url, http_client=http), mode=args.mode) as client,
    ):
        protocol = client.protocol_version
        steps.step("connect", True, {"protocol": protocol})
        listed = [tool.name for tool in (await client.list_tools()).tools]
        steps.step("list_tools", GRANTED[0] in listed, listed)
        result = await client.call_tool(*GRANTED)
        steps.step("granted_call", not result.is_error, result.content[0].text)
        try:
            await client.call_tool(*REFUSED)
            steps.refusal(None)
        except MCPError as refused:
            steps.refusal(refused.error)
        result = await client.call_tool(*GRANTED)
        steps.step("granted_again", not result.is_error, result.content[0].text)
    # The modern era has no sessions to end.
    steps.step("end", protocol >= "2026-07-28" or "DELETE 200" in steps.exchanges, steps.exchanges)


Steps().run(session, choices=["legacy", "auto", "2026-07-28"], default="auto")
