// Answers one JSON object a line: {"parse": "workflow" or "action", ...} or {"evaluate": tree, ...}.
import { register } from "node:module";
import { createInterface } from "node:readline";

register("./json_imports.mjs", import.meta.url);
const { parse } = await import("./parse.mjs");
const { evaluate } = await import("./evaluate.mjs");

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = { value: await ("parse" in request ? parse(request) : evaluate(request)) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
