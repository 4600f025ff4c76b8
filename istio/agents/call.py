"""Calls a tool of the ticket desk with the official MCP SDK, as the workload that this pod is.

usage: call.py [TOOL [NAME=VALUE]...]      without a tool: lists the tools that this workload is shown

Ends with 0 if the call was allowed, 2 if it was refused, 1 if nothing answered.
"""

import json
import os
import sys

import anyio
import httpx
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client

URL = os.environ.get("MCP_URL", "http://ticket-desk.mcp:8000/mcp")


def read_arguments(pairs: list[str]) -> dict:
    """Numbers, `true` and the like as JSON means them, anything else as text."""
    arguments = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            arguments[name] = json.loads(value)
        except ValueError:
            arguments[name] = value
    return arguments


def refused(error: dict) -> str:
    ours = (error.get("data") or {}).get("mcp_toolgate") or {}
    told = "".join(f", {key} {ours[key]}" for key in ("reason", "request_id") if key in ours)
    return f"refused: {error['code']}: {error['message']}{told}"


async def call(tool: str | None, arguments: dict) -> str:
    answers: list[httpx.Response] = []

    async def keep_refusal(response: httpx.Response) -> None:
        if response.is_error:
            await response.aread()
            answers.append(response)

    try:
        async with (
            httpx.AsyncClient(timeout=20, event_hooks={"response": [keep_refusal]}) as http,
            streamable_http_client(URL, http_client=http) as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            if tool is None:
                return "shown: " + ", ".join(sorted(each.name for each in (await client.list_tools()).tools))
            try:
                return "allowed: " + (await client.call_tool(tool, arguments)).content[0].text
            except McpError as error:
                return refused(error.error.model_dump())
    except Exception:  # the SDK ends a session that it is refused; what it was told is in the answer
        if not answers:
            raise
        try:
            return refused(answers[0].json()["error"])
        except ValueError:
            return f"refused: HTTP {answers[0].status_code}: {answers[0].text.strip()}"


def main() -> int:
    tool, *pairs = sys.argv[1:] or [None]
    try:
        said = anyio.run(call, tool, read_arguments(pairs))
    except Exception as error:
        print(f"nothing answered at {URL}: {error!r}", file=sys.stderr)
        return 1
    print(said)
    return 2 if said.startswith("refused: ") else 0


if __name__ == "__main__":
    sys.exit(main())
