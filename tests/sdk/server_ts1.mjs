// The ticket desk on the MCP SDK 1.x for TypeScript, on plain node:http: protocol versions up to 2025-11-25, and HTTP+SSE.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { ElicitResultSchema, SubscribeRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { QUESTION, args, equip, ran } from "./ticket_desk.mjs";

const transports = new Map();

function desk() {
  const server = new McpServer({ name: "ticket-desk", version: "1" });
  equip(server, {
    notify: (uri) => server.server.sendResourceUpdated({ uri }),
    ask: async ({ ticket }, { sendRequest }) => {
      const question = { method: "elicitation/create", params: { message: `Close ${ticket}?`, ...QUESTION } };
      return `${ticket}: ${(await sendRequest(question, ElicitResultSchema)).action}`;
    },
  });
  server.server.registerCapabilities({ resources: { subscribe: true } });
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    ran(`subscribe ${params.uri}`);
    return {};
  });
  return server;
}

async function streamable(request, response) {
  let transport = transports.get(request.headers["mcp-session-id"]);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => transports.set(id, transport),
    });
    await desk().connect(transport);
  }
  await transport.handleRequest(request, response);
}

async function openStream(_request, response) {
  const transport = new SSEServerTransport("/messages", response);
  transports.set(transport.sessionId, transport);
  await desk().connect(transport);
}

async function route(request, response) {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/sse") return openStream(request, response);
  if (url.pathname !== "/messages") return streamable(request, response);
  return transports.get(url.searchParams.get("sessionId")).handlePostMessage(request, response);
}

// A request that is given up half-way must not end the server.
createServer((request, response) => route(request, response).catch(() => response.destroy())).listen(Number(args.port), "127.0.0.1");
