// Workflow and action files as plain trees; an expression becomes {"${{": "its text"}.
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
import { convertActionTemplate, parseAction } from "@actions/workflow-parser/actions/index";
import { ensureStatusFunction } from "@actions/workflow-parser/model/converter/if-condition";
import { isBasicExpression, isMapping, isSequence } from "@actions/workflow-parser/templates/tokens/type-guards";

const KINDS = {
  workflow: [parseWorkflow, convertWorkflowTemplate],
  action: [parseAction, convertActionTemplate],
};

export async function parse({ parse: kind, name, text }) {
  const [read, convert] = KINDS[kind];
  const { context, value } = read({ name, content: text }, new NoOperationTraceWriter());
  // Converting finds what the schema cannot: unknown needs, cycles, ids given twice, bad conditions.
  if (value) await convert(context, value);
  const errors = context.errors.getErrors();
  if (errors.length) throw new Error(errors.map((error) => error.message).join("; "));
  return plain(value);
}

function plain(token) {
  if (isMapping(token)) {
    return Object.fromEntries([...token].map(({ key, value }) => [key.toString(), plain(value)]));
  }
  if (isSequence(token)) return [...token].map(plain);
  const text = isBasicExpression(token) ? token.expression : token.value;
  if (isCondition(token)) return { "${{": condition(String(text ?? ""), token) };
  if (isBasicExpression(token)) return { "${{": text };
  if (token.isExpression) throw new Error(`${token} is not supported`);
  return text ?? null;
}

// An `if` is an expression without its braces, and asks for success() unless it asks for a status.
function isCondition(token) {
  return token.definitionInfo?.allowedContext.includes("always(0,0)") ?? false;
}

function condition(text, token) {
  return text.trim() ? ensureStatusFunction(text.trim(), token.definitionInfo) : "success()";
}
