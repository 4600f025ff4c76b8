// Reads LogQL queries and lines of a log, as one JSON object. Says of each query, by the grammar of Grafana's own
// editor, what is wrong with it first, and what the patterns of its `regexp` stages take from the lines.
"use strict";
const fs = require("fs");
const { parser } = require("@grafana/lezer-logql");

function read(query, lines) {
  const found = { fault: null, taken: [] };
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError && found.fault === null) {
        found.fault = `at ${node.from}: ${query.slice(node.from, node.from + 40)}`;
      }
      const text = node.node.getChild("Regexp") && node.node.getChild("String");
      if (node.name === "LabelParser" && text) {
        // Go writes a named group as `(?P<name>…)`.
        const pattern = new RegExp(query.slice(text.from + 1, text.to - 1).replace("(?P<", "(?<"));
        const matches = lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
        found.taken.push(matches.map((match) => JSON.parse(match.groups.record)));
      }
    },
  });
  return found;
}

const { queries, lines } = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(queries.map((query) => read(query, lines))));
