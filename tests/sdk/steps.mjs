// What the TypeScript SDK's clients share: their arguments, TLS, the session's steps, and one JSON line for each.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Agent, fetch } from "undici";

const GRANTED = { name: "search_tickets", arguments: { query: "late" } };
const REFUSED = { name: "create_refund", arguments: { ticket: "T-1", amount: 50 } };
const SECONDS = 30; // for the whole session

const text = { type: "string" };
export const { values: args } = parseArgs({
  options: { url: text, ca: text, cert: text, key: text, mode: { ...text, default: "auto" } },
});

const dispatcher = new Agent({
  connect: { ca: readFileSync(args.ca), cert: readFileSync(args.cert), key: readFileSync(args.key) },
});
const exchanges = [];

/** A `fetch` over mTLS that remembers what was asked and answered. */
export async function mtlsFetch(url, init) {
  const response = await fetch(url, { ...init, dispatcher });
  exchanges.push(`${init?.method ?? "GET"} ${response.status}`);
  return response;
}

function step(name, ok, detail) {
  if (!ok) process.exitCode = 1;
  console.log(JSON.stringify({ step: name, ok, detail }));
}

/** Runs the whole session; `protocol` tells the negotiated version once the client is connected. */
export async function runSession(client, transport, protocol) {
  const fail = (error) => {
    step("failed", false, String(error?.cause ?? error));
    process.exit();
  };
  const late = setTimeout(fail, SECONDS * 1000, `not done after ${SECONDS} s`);
  await session(client, transport, protocol).catch(fail);
  clearTimeout(late);
}

async function session(client, transport, protocol) {
  await client.connect(transport);
  step("connect", true, { protocol: protocol() });
  const listed = (await client.listTools()).tools.map((tool) => tool.name);
  step("list_tools", listed.includes(GRANTED.name), listed);
  let result = await client.callTool(GRANTED);
  step("granted_call", !result.isError, result.content[0].text);
  const { code, message, data } = await client.callTool(REFUSED).then(() => ({}), (error) => error);
  const reason = data?.mcp_toolgate?.reason;
  step("refused_call", code === 403 && reason === "tool_not_granted", { code, reason, message });
  result = await client.callTool(GRANTED);
  step("granted_again", !result.isError, result.content[0].text);

  // The modern era has no sessions to end.
  const modern = protocol() >= "2026-07-28";
  if (!modern) await transport.terminateSession();
  await client.close();
  step("end", modern || exchanges.includes("DELETE 200"), exchanges);
  await dispatcher.destroy();
}
