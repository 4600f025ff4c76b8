// A whole session of the MCP SDK 2.x for TypeScript, in either era, with refusals in between.

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { answer, args, capabilities, mtlsFetch, runSession } from "./steps.mjs";

const version = args.mode === "sse" ? "2024-11-05" : args.mode;
const options = { capabilities };
if (version === "auto") {
  options.versionNegotiation = { mode: "auto" };
} else if (version >= "2026-07-28") {
  options.versionNegotiation = { mode: { pin: version } };
} else {
  options.versionNegotiation = { mode: "legacy" };
  options.supportedProtocolVersions = [version];
}
const Transport = args.mode === "sse" ? SSEClientTransport : StreamableHTTPClientTransport;
const transport = new Transport(new URL(args.url), { fetch: mtlsFetch });
const client = new Client({ name: "client_ts2", version: "1" }, options);
client.setRequestHandler("elicitation/create", answer);
await runSession(client, transport, {
  onUpdate: (handler) => client.setNotificationHandler("notifications/resources/updated", handler),
  protocol: () => client.getNegotiatedProtocolVersion(),
});
