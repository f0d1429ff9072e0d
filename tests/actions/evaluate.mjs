// Trees with their expressions replaced by values.
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";

import { hashFiles } from "./hash_files.mjs";

export function evaluate({ evaluate: tree, contexts, status, workspace }) {
  const known = JSON.parse(JSON.stringify(contexts), data.reviver);
  const functions = [
    ["always", 0, () => true],
    ["cancelled", 0, () => status === "cancelled"],
    ["failure", 255, () => status === "failure"],
    ["success", 255, () => status === "success"],
    ["hashFiles", 255, (...patterns) => hashFiles(workspace, patterns.map((one) => one.coerceString()))],
  ].map(([name, maxArgs, answer]) => {
    const call = (...given) => data.reviver("", answer(...given));
    return { name, minArgs: 0, maxArgs, call };
  });
  const named = new Map(functions.map((one) => [one.name.toLowerCase(), one]));
  const calculate = (text) => {
    const parsed = new Parser(unescaped(new Lexer(text).lex().tokens), Object.keys(contexts), functions);
    return new Evaluator(parsed.parse(), known, named).evaluate();
  };
  return replace(tree, calculate);
}

function replace(tree, calculate) {
  if (Array.isArray(tree)) return tree.map((one) => replace(one, calculate));
  if (tree === null || typeof tree !== "object") return tree;
  if ("${{" in tree) return JSON.parse(JSON.stringify(calculate(tree["${{"]), data.replacer));
  return Object.fromEntries(Object.entries(tree).map(([key, one]) => [key, replace(one, calculate)]));
}

// The lexer un-escapes only the first '' of a literal.
function unescaped(tokens) {
  for (const token of tokens) {
    if (token.lexeme.startsWith("'")) token.value = token.lexeme.slice(1, -1).replaceAll("''", "'");
  }
  return tokens;
}
