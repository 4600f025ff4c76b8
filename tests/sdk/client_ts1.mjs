// A whole session of the MCP SDK 1.x for TypeScript, with a refused call in the middle.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { args, mtlsFetch, runSession } from "./steps.mjs";

const transport = new StreamableHTTPClientTransport(new URL(args.url), { fetch: mtlsFetch });
const client = new Client({ name: "client_ts1", version: "1" });
await runSession(client, transport, () => transport.protocolVersion);
