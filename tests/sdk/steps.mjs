// What the TypeScript SDK's clients share: their arguments, TLS, the session's steps, and one JSON line for each.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Agent, fetch } from "undici";

const GRANTED = { name: "search_tickets", arguments: { query: "late" } };
const REFUSED = { name: "create_refund", arguments: { ticket: "T-1", amount: 50 } };
const [HANDBOOK, SALARIES] = ["desk://handbook", "desk://salaries"];
const SHOWN = ["close_ticket", "read_ticket", "search_tickets"];
const SECONDS = 60; // for the whole session
const PATIENCE = 5; // seconds, for a notification

const text = { type: "string" };
export const { values: args } = parseArgs({ options: { url: text, ca: text, cert: text, key: text, mode: text } });

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

/** What a client declares, so that servers ask it. */
export const capabilities = { elicitation: { form: {} } };
export const answer = () => ({ action: "accept", content: { sure: true } });

function step(name, ok, detail) {
  console.log(JSON.stringify({ step: name, ok, detail }));
}

/** A JSON-RPC error by its code and the filter's reason, any other by its text. */
function describe(error) {
  const text = String(error?.cause?.message ?? error?.message ?? error);
  const raw = text.match(/"mcp_toolgate":{"reason":"(\w+)"/);
  if (raw) return `the text of the answer, ${raw[1]}`;
  return `${error?.code ?? error?.name} ${error?.data?.mcp_toolgate?.reason ?? text}`;
}

async function works(name, call, expected) {
  const result = await call.catch(describe);
  step(name, JSON.stringify(result) === JSON.stringify(expected), result);
}

async function refused(name, call, reason) {
  const result = await call.then((result) => `not refused: ${JSON.stringify(result)}`, describe);
  step(name, result === `403 ${reason}`, result);
}

/** Runs the whole session; `desk` has what the SDK's generations do differently. */
export async function runSession(client, transport, desk) {
  const fail = (error) => {
    step("failed", false, describe(error));
    process.exit();
  };
  const late = setTimeout(fail, SECONDS * 1000, { message: `not done after ${SECONDS} s` });
  await session(client, transport, desk).catch(fail);
  clearTimeout(late);
}

async function session(client, transport, desk) {
  const updated = new Promise((resolve) => desk.onUpdate(({ params }) => resolve(params.uri)));
  await client.connect(transport);
  const protocol = desk.protocol();
  step("connect", true, protocol);
  const call = async (tool) => (await client.callTool(tool)).content[0].text;
  const prompt = async (given) => (await client.getPrompt(given)).messages[0].role;
  const read = async (uri) => (await client.readResource({ uri })).contents[0].text;
  const subscribe = (uris) =>
    protocol < "2026-07-28"
      ? client.subscribeResource({ uri: uris.at(-1) })
      : client.listen({ resourceSubscriptions: uris });
  const hearsOf = async (uri) => {
    const subscription = await subscribe([uri]);
    await call({ name: "read_ticket", arguments: { ticket: "T-1" } });
    const late = new Promise((_, reject) => setTimeout(reject, PATIENCE * 1000, new Error("no notification")).unref());
    const heard = await Promise.race([updated, late]);
    await subscription.close?.();
    return heard;
  };
  await works("list_tools", client.listTools().then(({ tools }) => tools.map(({ name }) => name).sort()), SHOWN);
  await works("granted_call", call(GRANTED), "T-1 mentions late");
  await refused("refused_call", call(REFUSED), "tool_not_granted");
  await works("granted_again", call(GRANTED), "T-1 mentions late");
  await works("list_prompts", client.listPrompts().then(({ prompts }) => prompts.map(({ name }) => name)), ["refund_letter"]);
  await works("get_prompt", prompt({ name: "refund_letter", arguments: { ticket: "T-1" } }), "user");
  await refused("refused_prompt", prompt({ name: "dismissal_letter", arguments: { name: "Bo" } }), "prompt_not_granted");
  await works("list_resources", client.listResources().then(({ resources }) => resources.map(({ uri }) => uri)), [HANDBOOK]);
  await works("read_resource", read(HANDBOOK), "Be kind, and check the amount twice.");
  await refused("refused_resource", read(SALARIES), "resource_not_granted");
  await works("subscribe", hearsOf(HANDBOOK), HANDBOOK);
  await refused("refused_subscribe", subscribe([HANDBOOK, SALARIES]), "resource_not_granted");
  await works("ask_user", call({ name: "close_ticket", arguments: { ticket: "T-1" } }), "T-1: accept");
  await refused("refused_last", call({ name: "delete_all", arguments: {} }), "tool_not_granted");
  await works("granted_last", call(GRANTED), "T-1 mentions late");

  // Neither the modern era nor HTTP+SSE has sessions to end.
  const sessionless = args.mode === "sse" || protocol >= "2026-07-28";
  if (!sessionless) await transport.terminateSession();
  await client.close();
  step("end", sessionless || exchanges.some((exchange) => exchange.startsWith("DELETE 2")), exchanges);
  await dispatcher.destroy();
}
