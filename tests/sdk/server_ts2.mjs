// The ticket desk on the MCP SDK 2.x for TypeScript: sessions for the versions up to 2025-11-25, and 2026-07-28.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from "@modelcontextprotocol/node";
import { McpServer, createMcpHandler, inputRequired, isLegacyRequest } from "@modelcontextprotocol/server";
import { QUESTION, args, equip, ran } from "./ticket_desk.mjs";

const transports = new Map();

/** A server; without `notify` one of the older era, which tells its own session. */
function desk(notify) {
  const server = new McpServer({ name: "ticket-desk", version: "1" }, { capabilities: { resources: { subscribe: true } } });
  equip(server, {
    notify: notify ?? ((uri) => server.server.sendResourceUpdated({ uri })),
    // In the older era the SDK makes an elicitation of it, and calls again.
    ask: ({ ticket }, { mcpReq }) => {
      const answer = mcpReq.inputResponses?.sure;
      const question = { message: `Close ${ticket}?`, ...QUESTION };
      return answer ? `${ticket}: ${answer.action}` : inputRequired({ inputRequests: { sure: inputRequired.elicit(question) } });
    },
  });
  server.server.setRequestHandler("resources/subscribe", ({ params }) => {
    ran(`subscribe ${params.uri}`);
    return {};
  });
  return server;
}

const modern = createMcpHandler(() => desk((uri) => modern.notify.resourceUpdated(uri)), { legacy: "reject" });
const serveModern = toNodeHandler(modern);

async function serveLegacy(request, response, body) {
  let transport = transports.get(request.headers["mcp-session-id"]);
  if (!transport) {
    transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => transports.set(id, transport),
    });
    await desk().connect(transport);
  }
  await transport.handleRequest(request, response, body);
}

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return pieces.length ? JSON.parse(Buffer.concat(pieces)) : undefined;
}

async function route(request, response) {
  const body = await bodyOf(request);
  const isLegacy = await isLegacyRequest(await toWebRequest(request, body), body);
  return isLegacy ? serveLegacy(request, response, body) : serveModern(request, response, body);
}

// A request that is given up half-way, as by `hold: body` alone, must not end the server.
createServer((request, response) => route(request, response).catch(() => response.destroy())).listen(Number(args.port), "127.0.0.1");
