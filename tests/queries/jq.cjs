// jq as the documents call it, by its own code compiled to wasm: OPTIONS PROGRAM [FILE].
"use strict";
const fs = require("fs");
const jq = require("jq-wasm");

const options = [];
const words = process.argv.slice(2);
while (words.length > 0 && words[0].startsWith("-")) {
  options.push(...words.splice(0, ["--arg", "--argjson"].includes(words[0]) ? 3 : 1));
}
const [program, file = 0, ...more] = words;
if (program === undefined || more.length > 0) {
  throw new Error("usage: jq OPTIONS PROGRAM [FILE]");
}
jq.raw(fs.readFileSync(file, "utf8"), program, options).then(
  (text) => fs.writeSync(1, text === "" ? "" : text.replace(/\n?$/, "\n")),
  (error) => {
    fs.writeSync(2, `${error.message}\n`);
    process.exitCode = 5;
  },
);
