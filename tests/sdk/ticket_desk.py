"""The tools that both servers offer. Each tool that really runs leaves its name as a line in the log."""

import argparse
from pathlib import Path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True, help="one line is appended for each tool that ran")
    return parser.parse_args()


def equip(server, log: Path) -> None:
    """Give `server`, of either SDK generation, its tools, its prompt and its resource."""

    def ran(tool: str) -> None:
        with log.open("a") as lines:
            lines.write(f"{tool}\n")

    @server.tool()
    def search_tickets(query: str) -> str:
        """Find tickets that mention a text."""
        ran("search_tickets")
        return f"T-1 mentions {query}"

    @server.tool()
    def read_ticket(ticket: str) -> str:
        """Read one ticket."""
        ran("read_ticket")
        return f"{ticket}: the parcel came late"

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
        return f"Write a letter about the refund for {ticket}."

    @server.resource("desk://handbook")
    def handbook() -> str:
        """The rules of the ticket desk."""
        return "Be kind, and check the amount twice."
