// A whole session of the MCP SDK 2.x for TypeScript, in either era (--mode legacy, auto, or a version), with a refused
// call in the middle.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { args, mtlsFetch, runSession } from "./steps.mjs";

const mode = ["legacy", "auto"].includes(args.mode) ? args.mode : { pin: args.mode };
const transport = new StreamableHTTPClientTransport(new URL(args.url), { fetch: mtlsFetch });
const client = new Client({ name: "client_ts2", version: "1" }, { versionNegotiation: { mode } });
await runSession(client, transport, () => client.getNegotiatedProtocolVersion());
