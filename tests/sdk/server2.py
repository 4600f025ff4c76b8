"""The ticket desk on the MCP SDK 2.x: protocol versions up to 2026-07-28, and HTTP+SSE."""

from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.types import EmptyResult, SubscribeRequestParams

from ticket_desk import HANDBOOK, Confirmation, arguments, equip, logger, serve

args = arguments()
ran = logger(args.log)
server = MCPServer("ticket-desk", log_level="WARNING")
equip(server, ran)


@server.tool()
async def read_ticket(ticket: str, context: Context) -> str:
    """Read one ticket; the handbook counts the readers."""
    ran("read_ticket")
    if context.protocol_version >= "2026-07-28":
        await context.notify_resource_updated(HANDBOOK)
    else:
        await context.session.send_resource_updated(HANDBOOK)
    return f"{ticket}: the parcel came late"


async def confirm(ticket: str) -> Elicit[Confirmation]:
    """Asks by an elicitation, or from 2026-07-28 on by a result that requires input."""
    return Elicit(f"Close {ticket}?", Confirmation)


@server.tool()
async def close_ticket(ticket: str, answer: Annotated[Confirmation, Resolve(confirm)]) -> str:
    """Close a ticket, once the user has confirmed it."""
    ran("close_ticket")
    return f"{ticket}: {'accept' if answer.sure else 'decline'}"


async def subscribe(_context, params) -> EmptyResult:
    ran(f"subscribe {params.uri}")
    return EmptyResult()


server._lowlevel_server.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
serve(server.streamable_http_app(), server.sse_app(), args.port)
