// hashFiles(): SHA-256 over the SHA-256 of every matching file of the workspace, "" if there is none.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export function hashFiles(workspace, patterns) {
  const rules = patterns.flatMap((one) => one.split("\n")).map((one) => one.trim()).filter(Boolean);
  const files = readdirSync(workspace, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(workspace, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => matches(path, rules))
    .sort();
  const total = createHash("sha256");
  for (const path of files) total.update(sha256(readFileSync(join(workspace, path))));
  return files.length ? total.digest("hex") : "";
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest();
}

function matches(path, rules) {
  let matched = false;
  for (const rule of rules) {
    const excludes = rule.startsWith("!");
    if (expression(rule.slice(excludes ? 1 : 0)).test(path)) matched = !excludes;
  }
  return matched;
}

function expression(glob) {
  const parts = glob.replace(/^\.\//, "").split(/(\*\*\/|\*\*|\*|\?)/);
  const wild = { "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]" };
  const body = parts.map((part) => wild[part] ?? part.replace(/[.+^${}()|[\]\\]/g, "\\$&")).join("");
  return new RegExp(`^${body}(?:/.*)?$`);
}
