"""The service described for people and programs: /docs and /openapi.json."""

from typing import Any

import pandas as pd

from champion.serve.checks import Question
from champion.serve.model import Model
from champion.serve.protocols import LIVE, NAME, PROTOCOLS, READY

MOST_ROWS = 10_000  # of a request
MOST_EXPLAINED = 20
WORD = "a word"
TYPES = {"number": "number", "integer": "integer", "boolean": "boolean"}  # all others: string
ERRORS = {
    "400": "no JSON, or not of this form",
    "408": "the body did not arrive in time",
    "413": "too many rows or bytes",
    "415": "another type of body than this route reads",
    "422": "rows that the schema refuses: each with row (from 1), column and check",
    "503": "too many requests wait: come back after Retry-After seconds",
}


def described(model: Model) -> dict[str, Any]:
    """The OpenAPI document; what a row may hold is what schema.py says."""
    row = example(model)
    paths: dict[str, Any] = {}
    for protocol in PROTOCOLS:
        form = protocol.example(model, row)
        body: dict[str, Any] = {"application/json": {"schema": form_of(form), "example": form}}
        if protocol.path == "/predict":
            body["application/json"]["schema"] = rows_of(MOST_ROWS)
        if "CSV" in protocol.summary:
            line = ",".join(written(question, row) for question in model.checks.questions)
            body["text/csv"] = {"schema": {"type": "string"}, "example": line}
        said: dict[str, Any] = {"application/json": {"schema": {}}}
        if protocol.path == "/predict":
            said["application/json"]["schema"] = {"$ref": "#/components/schemas/Predictions"}
        if "CSV" in protocol.summary:
            said["text/csv"] = {"schema": {"type": "string"}}
        paths[protocol.path] = {"post": operation(protocol.summary, body, said)}
        if "{version}" in protocol.path:
            paths[protocol.path]["post"]["parameters"] = [version(model)]
            paths[protocol.path]["post"]["responses"]["404"] = failure("there is no such version")
    body = {"application/json": {"schema": rows_of(MOST_EXPLAINED), "example": {"rows": [row]}}}
    said = {"application/json": {"schema": {"type": "object"}}}
    paths["/explain"] = {
        "post": operation("How far each column moved each row's output", body, said)
    }
    paths["/explain"]["post"]["responses"]["501"] = failure("no method explains this model")
    asked = {**dict.fromkeys(LIVE, "Is it alive?"), **dict.fromkeys(READY, "Is it ready?")}
    asked |= {"/v2": "The server", f"/v2/models/{NAME}": "The model", "/v1/models": "The models",
              f"/v1/models/{NAME}": "The model"}  # fmt: skip
    for path, summary in asked.items():
        paths[path] = {"get": {"summary": summary, "responses": {
            "200": content({"application/json": {"schema": {"type": "object"}}}, "yes")}}}  # fmt: skip
        if path in READY:
            paths[path]["get"]["responses"]["503"] = failure("not yet, or no more")
    text = {"text/plain": {"schema": {"type": "string"}}}
    paths["/metrics"] = {"get": {"summary": "For Prometheus", "responses": {
        "200": content(text, "metrics")}}}  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "champion", "version": model.about.version},
        "paths": paths,
        "components": {"schemas": schemas(model)},
    }


def schemas(model: Model) -> dict[str, Any]:
    """A row, predictions, errors."""
    properties = {question.name: property_of(question) for question in model.checks.questions}
    kept = {name: {"description": "no feature: only logged"} for name in model.kept.columns}
    score: dict[str, Any] = {"type": "number"}
    prediction = {"type": "object", "required": ["score"], "properties": {"score": score}}
    if model.classes:
        each = {"type": "object", "properties": dict.fromkeys(model.classes, score)}
        prediction = {
            "type": "object",
            "required": ["class", "scores"],
            "properties": {"class": {"enum": model.classes}, "scores": each},
        }
    text = {"type": "string"}
    about = {"type": "object", "properties": {"version": text, "commit": text, "data": text}}
    return {
        "Row": {
            "type": "object", "required": model.features, "additionalProperties": False,
            "properties": {**kept, **properties},
        },
        "Predictions": {
            "type": "object", "required": ["request_id", "model", "predictions"],
            "properties": {
                "request_id": text, "model": about,
                "predictions": {"type": "array", "items": prediction},
            },
        },
        "Error": {
            "type": "object", "required": ["error", "request_id"],
            "properties": {
                "error": text, "request_id": text,
                "details": {"type": "array", "items": {"type": "object", "properties": {
                    "row": {"type": "integer"}, "column": {"type": ["string", "null"]},
                    "check": text, "message": text,
                }}},
            },
        },
    }  # fmt: skip


def property_of(question: Question) -> dict[str, Any]:
    """What a column may hold, as JSON Schema says it."""
    kind = TYPES.get(question.kind, "string")
    it: dict[str, Any] = {"type": kind if question.missing else [kind, "null"]}
    if question.listed is not None:
        it["enum"] = [*sorted(question.listed), *([] if question.missing else [None])]
    if question.kind == "time":
        it["description"] = "ISO 8601" if not question.how.get("formats") else "as in schema.py"
        return it
    if question.low is not None:
        it["minimum"] = question.low
    if question.high is not None:
        it["maximum"] = question.high
    return it


def rows_of(most: int) -> dict[str, Any]:
    items = {"$ref": "#/components/schemas/Row"}
    rows = {"type": "array", "minItems": 1, "maxItems": most, "items": items}
    return {"type": "object", "required": ["rows"], "properties": {"rows": rows}}


def form_of(form: dict[str, Any]) -> dict[str, Any]:
    """The form of a body, from an example; others' own documents say the rest."""
    ((name, value),) = form.items()
    kind = {"type": "array", "minItems": 1} if isinstance(value, list) else {"type": "object"}
    return {"type": "object", "required": [name], "properties": {name: kind}}


def version(model: Model) -> dict[str, Any]:
    it = model.about.version
    return {
        "name": "version", "in": "path", "required": True, "schema": {"type": "string", "enum": [it]},
    }  # fmt: skip


def operation(summary: str, body: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    responses = {"200": content(said, "what the model says")}
    responses |= {status: failure(text) for status, text in ERRORS.items()}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": body},
        "responses": responses,
    }


def content(types: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": types}


def failure(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return content({"application/json": {"schema": schema}}, description)


def example(model: Model) -> dict[str, Any]:
    """A row that the schema takes; made up, so that it is nobody's."""
    row: dict[str, Any] = {}
    for question in model.checks.questions:
        if question.kind == "time":
            row[question.name] = moment(question)
        elif question.kind == "boolean":
            row[question.name] = True
        elif question.kind in ("number", "integer"):
            low = question.low if question.low is not None else question.high
            row[question.name] = int(low or 0) if question.kind == "integer" else low or 0.0
        else:
            row[question.name] = min(question.listed) if question.listed else WORD
    return row


def written(question: Question, row: dict[str, Any]) -> str:
    """The example's value as text."""
    value = row[question.name]
    return question.how.get("true", ["true"])[0] if value is True else str(value)


def moment(question: Question) -> str:
    at = question.low or question.high
    formats = question.how.get("formats") or []
    if at is None:
        at = pd.Timestamp("2024-01-01")
    if not formats or formats[0] == "ISO8601":
        return at.isoformat()
    if formats[0].startswith("unix"):
        return str(at.timestamp() * (1 if formats[0] == "unix" else 1000))
    return at.strftime(formats[0])
