// A whole session of the MCP SDK 1.x for TypeScript, with refusals in between.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema, ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { answer, args, capabilities, mtlsFetch, runSession } from "./steps.mjs";

const Transport = args.mode === "sse" ? SSEClientTransport : StreamableHTTPClientTransport;
const transport = new Transport(new URL(args.url), { fetch: mtlsFetch });
const client = new Client({ name: "client_ts1", version: "1" }, { capabilities });
client.setRequestHandler(ElicitRequestSchema, answer);

// This SDK always offers the newest version that it knows; there is no setting.
const protocolVersion = args.mode === "sse" ? "2024-11-05" : args.mode;
const request = client.request.bind(client);
let agreed;
client.request = async (message, ...rest) => {
  if (message.method !== "initialize") return request(message, ...rest);
  const opened = await request({ ...message, params: { ...message.params, protocolVersion } }, ...rest);
  agreed = opened.protocolVersion;
  return opened;
};
await runSession(client, transport, {
  onUpdate: (handler) => client.setNotificationHandler(ResourceUpdatedNotificationSchema, handler),
  protocol: () => agreed,
});
