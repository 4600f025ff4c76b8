"""The ticket desk on the MCP SDK 1.x: protocol versions up to 2025-11-25."""

from mcp.server.fastmcp import FastMCP

from ticket_desk import arguments, equip

args = arguments()
server = FastMCP("ticket-desk", host="127.0.0.1", port=args.port, log_level="WARNING")
equip(server, args.log)
server.run("streamable-http")
