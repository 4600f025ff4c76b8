"""The ticket desk on the MCP SDK 1.x: protocol versions up to 2025-11-25, and HTTP+SSE."""

from mcp.server.fastmcp import Context, FastMCP

from ticket_desk import HANDBOOK, Confirmation, arguments, equip, logger, serve

args = arguments()
ran = logger(args.log)
server = FastMCP("ticket-desk", host="127.0.0.1", port=args.port, log_level="WARNING")
equip(server, ran)


@server.tool()
async def read_ticket(ticket: str, context: Context) -> str:
    """Read one ticket; the handbook counts the readers."""
    ran("read_ticket")
    await context.session.send_resource_updated(HANDBOOK)
    return f"{ticket}: the parcel came late"


@server.tool()
async def close_ticket(ticket: str, context: Context) -> str:
    """Close a ticket, once the user has confirmed it."""
    answer = await context.elicit(f"Close {ticket}?", Confirmation)
    ran("close_ticket")
    return f"{ticket}: {answer.action}"


@server._mcp_server.subscribe_resource()
async def subscribe(uri) -> None:
    ran(f"subscribe {uri}")


serve(server.streamable_http_app(), server.sse_app(), args.port)
