"""A whole session of the MCP SDK 1.x for Python, with a refused call in the middle."""

import httpx
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client

from steps import GRANTED, REFUSED, Steps, tls


async def session(args, steps) -> None:
    async with (
        httpx.AsyncClient(verify=tls(args), event_hooks={"response": [steps.seen]}) as http,
        streamable_http_client(args.url, http_client=http) as (read, write, _),
        ClientSession(read, write) as client,
    ):
        opened = await client.initialize()
        steps.step("connect", True, {"protocol": opened.protocolVersion})
        listed = [tool.name for tool in (await client.list_tools()).tools]
        steps.step("list_tools", GRANTED[0] in listed, listed)
        result = await client.call_tool(*GRANTED)
        steps.step("granted_call", not result.isError, result.content[0].text)
        try:
            await client.call_tool(*REFUSED)
            steps.refusal(None)
        except McpError as refused:
            steps.refusal(refused.error)
        result = await client.call_tool(*GRANTED)
        steps.step("granted_again", not result.isError, result.content[0].text)
    steps.step("end", "DELETE 200" in steps.exchanges, steps.exchanges)


Steps().run(session)
