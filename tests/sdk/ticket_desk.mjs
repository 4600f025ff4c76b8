// The ticket desk on either generation of the SDK for TypeScript: what both declare alike. Whatever really runs leaves
// its name as a line in the log.

import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";

export const HANDBOOK = "desk://handbook";

const string = { type: "string" };
export const { values: args } = parseArgs({ options: { port: string, log: string } });

export const ran = (name) => appendFileSync(args.log, `${name}\n`);

export const said = (text) => ({ content: [{ type: "text", text }] });

/** Gives `server` its tools, prompts and resources; `notify` says that a resource was updated, `ask` asks the user. */
export function equip(server, { notify, ask }) {
  const tool = (name, description, shape, run) =>
    server.registerTool(name, { description, inputSchema: shape }, async (given, context) => {
      const result = await run(given, context);
      if (typeof result !== "string") return result;
      ran(name);
      return said(result);
    });
  tool("search_tickets", "Find tickets.", { query: z.string() }, ({ query }) => `T-1 mentions ${query}`);
  tool("read_ticket", "Read one ticket; the handbook counts the readers.", { ticket: z.string() }, async (given) => {
    await notify(HANDBOOK);
    return `${given.ticket}: the parcel came late`;
  });
  tool("create_refund", "Pay money back.", { ticket: z.string(), amount: z.number() }, () => "refunded");
  tool("delete_all", "Delete every ticket.", {}, () => "all tickets are gone");
  tool("close_ticket", "Close a ticket, once the user has confirmed it.", { ticket: z.string() }, ask);

  const prompt = (name, description, shape) =>
    server.registerPrompt(name, { description, argsSchema: shape }, () => {
      ran(name);
      return { messages: [{ role: "user", content: { type: "text", text: description } }] };
    });
  prompt("refund_letter", "A letter that goes with a refund.", { ticket: z.string() });
  prompt("dismissal_letter", "A letter that nobody wants.", { name: z.string() });

  const resource = (name, uri, text) =>
    server.registerResource(name, uri, {}, () => {
      ran(uri);
      return { contents: [{ uri, text }] };
    });
  resource("handbook", HANDBOOK, "Be kind, and check the amount twice.");
  resource("salaries", "desk://salaries", "Too little.");
}

export const QUESTION = {
  requestedSchema: { type: "object", properties: { sure: { type: "boolean" } }, required: ["sure"] },
};
