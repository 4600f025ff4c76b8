"""The ticket desk on the MCP SDK 2.x: protocol versions up to 2026-07-28."""

from mcp.server import MCPServer

from ticket_desk import arguments, equip

args = arguments()
server = MCPServer("ticket-desk", log_level="WARNING")
equip(server, args.log)
server.run("streamable-http", host="127.0.0.1", port=args.port)
