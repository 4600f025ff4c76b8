"""The sample MCP server: four tools over streamable HTTP, at /mcp.

HOST and PORT are where it listens: on loopback, unless told otherwise, so that nobody reaches it past the pod's proxy.
"""

import os

import uvicorn
from mcp.server.fastmcp import FastMCP
from mcp.server.transport_security import TransportSecuritySettings

PORT = int(os.environ.get("PORT", "8000"))
NAMES = ["ticket-desk", "ticket-desk.mcp", "ticket-desk.mcp.svc", "ticket-desk.mcp.svc.cluster.local"]

server = FastMCP(
    "ticket-desk",
    log_level="WARNING",
    # Any pod can answer any request: a session does not end with the pod that began it.
    stateless_http=True,
    # The SDK refuses other values of `host`: no page in a browser gets here by a name of its own.
    transport_security=TransportSecuritySettings(
        allowed_hosts=[host for name in NAMES for host in (name, f"{name}:{PORT}")], allowed_origins=[]
    ),
)


@server.tool()
def search_tickets(query: str) -> str:
    """Find tickets that mention a text."""
    return f"T-1 mentions {query}"


@server.tool()
def read_ticket(ticket: str) -> str:
    """Read one ticket."""
    return f"{ticket}: the parcel came late"


@server.tool()
def create_refund(ticket: str, amount: int) -> str:
    """Pay money back for a ticket."""
    return f"refunded {amount} for {ticket}"


@server.tool()
def delete_all() -> str:
    """Delete every ticket."""
    return "all tickets are gone"


if __name__ == "__main__":
    uvicorn.run(server.streamable_http_app(), host=os.environ.get("HOST", "127.0.0.1"), port=PORT, log_level="warning")
