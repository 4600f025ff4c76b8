// Reads PromQL queries as one JSON list. Says of each, by Prometheus' own grammar for editors, what is wrong with it
// first, and which metrics it selects: their names, and the labels that they must have.
"use strict";
const fs = require("fs");
const { parser } = require("@prometheus-io/lezer-promql");

function read(query) {
  const found = { fault: null, selected: [] };
  const text = (node) => query.slice(node.from, node.to);
  const names = (node) => node.getChildren("LabelName").map(text);
  const groupings = [];
  parser.parse(query).iterate({
    enter({ node }) {
      if (node.type.isError && found.fault === null) {
        found.fault = `at ${node.from}: ${query.slice(node.from, node.from + 40)}`;
      }
      if (node.name === "AggregateExpr") {
        const labels = node.getChild("AggregateModifier")?.getChild("GroupingLabels");
        groupings.push(labels ? names(labels) : []);
      }
      if (node.name === "VectorSelector") {
        const matchers = node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
        const labels = matchers.flatMap(names).concat(...groupings);
        found.selected.push({ name: text(node.getChild("Identifier")), labels });
      }
    },
    leave(node) {
      if (node.name === "AggregateExpr") {
        groupings.pop();
      }
    },
  });
  return found;
}

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(read)));
