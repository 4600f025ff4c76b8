"""The ticket desk on an SDK for Python. Whatever really runs leaves its name as a line in the log."""

import argparse
from pathlib import Path

import uvicorn
from pydantic import BaseModel

HANDBOOK = "desk://handbook"


class Confirmation(BaseModel):
    """What the user is asked before a ticket is closed."""

    sure: bool


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True, help="one line is appended for all that ran")
    return parser.parse_args()


def logger(log: Path):
    """What writes down that something ran."""

    def ran(name: str) -> None:
        with log.open("a") as lines:
            lines.write(f"{name}\n")

    return ran


def equip(server, ran) -> None:
    """Give `server`, of either SDK generation, what both generations declare alike."""

    @server.tool()
    def search_tickets(query: str) -> str:
        """Find tickets that mention a text."""
        ran("search_tickets")
        return f"T-1 mentions {query}"

    @server.tool()
    def create_refund(ticket: str, amount: int) -> str:
        """Pay money back for a ticket."""
        ran("create_refund")
        return f"refunded {amount} for {ticket}"

    @server.tool()
    def delete_all() -> str:
        """Delete every ticket."""
        ran("delete_all")
        return "all tickets are gone"

    @server.prompt()
    def refund_letter(ticket: str) -> str:
        """A letter that goes with a refund."""
        ran("refund_letter")
        return f"Write a letter about the refund for {ticket}."

    @server.prompt()
    def dismissal_letter(name: str) -> str:
        """A letter that nobody wants."""
        ran("dismissal_letter")
        return f"Write to {name} that it is over."

    @server.resource(HANDBOOK)
    def handbook() -> str:
        """The rules of the ticket desk."""
        ran(HANDBOOK)
        return "Be kind, and check the amount twice."

    @server.resource("desk://salaries")
    def salaries() -> str:
        """What everybody earns."""
        ran("desk://salaries")
        return "Too little."


def serve(streamable_http, http_sse, port: int) -> None:
    """Serve both HTTP transports on one port: `/mcp`, and `/sse` with `/messages/`."""
    streamable_http.router.routes.extend(http_sse.routes)
    uvicorn.run(streamable_http, host="127.0.0.1", port=port, log_level="warning")
