// Reads a schema and instances, one JSON text a line, and says of each instance `valid`, or what is wrong first.
// Ajv is a standard-conforming validator, with the regular expressions that editors use.
"use strict";
const Ajv = require("ajv/dist/2020").default;
const readline = require("readline");

const ajv = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false, strictTypes: false });
let validate = null;
readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  const value = JSON.parse(line);
  if (validate === null) {
    validate = ajv.compile(value);
    return;
  }
  const error = validate(value) ? null : validate.errors[0];
  console.log(error ? `${error.instancePath}: ${error.message}`.replace(/\n/g, " ") : "valid");
});
