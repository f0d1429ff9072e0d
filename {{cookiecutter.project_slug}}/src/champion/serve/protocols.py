"""How others ask: one row of the table at the end for each route that predicts.

Each protocol reads its body into rows of named columns, and writes what the model said in its own
form. Where a form has no names, values stand in the order of the features.
"""

import csv
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from champion.serve.model import Model, Scores

Row = dict[str, Any]


class Malformed(Exception):
    """A body that holds no rows; its message says what belongs there."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A body that was read.

    Parameters
    ----------
    id : what the body calls the request.
    csv : the answer shall be CSV, too.
    columnar : TensorFlow's `inputs`, answered by `outputs`.
    """

    rows: list[Row]
    id: str = ""
    csv: bool = False
    columnar: bool = False


@dataclass(frozen=True)
class Said:
    """What the model said of the rows of a request."""

    model: Model
    scores: Scores
    request_id: str
    asked: Asked

    def each(self) -> list[Any]:
        """A number a row; of several classes the class and the score of each."""
        classes = self.model.classes
        if not classes:
            return self.scores.tolist()
        best = self.scores.argmax(axis=1)
        return [
            {"class": classes[i], "scores": dict(zip(classes, row, strict=True))}
            for i, row in zip(best, self.scores.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class Protocol:
    """A route that predicts.

    Parameters
    ----------
    path : may hold `{model}`, and `{version}`.
    """

    path: str
    summary: str
    read: Callable[[bytes, str, Model], Asked]
    write: Callable[[Said], Any]
    example: Callable[[Model, Row], Any]


def parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("the body is not JSON.") from error


def member(body: bytes, *names: str) -> tuple[dict[str, Any], str]:
    """A JSON object, and which of the members it has."""
    content = parsed(body)
    if isinstance(content, dict):
        for name in names:
            if name in content:
                return content, name
    raise Malformed(f'the body must be a JSON object with "{names[0]}".')


def rows_of(items: Any, model: Model, name: str) -> list[Row]:
    """A list of objects, or of lists of values in the order of the features."""
    if not isinstance(items, list) or not items:
        raise Malformed(f'"{name}" must be a list of at least one row.', 422)
    if all(isinstance(item, dict) for item in items):
        return items
    count = len(model.features)
    if all(isinstance(item, list) and len(item) == count for item in items):
        return [dict(zip(model.features, item, strict=True)) for item in items]
    raise Malformed(
        f'"{name}" must hold objects of named columns, or lists of {count} values each in the '
        f"order {', '.join(model.features)}.",
        422,
    )


def transposed(columns: Any, name: str) -> list[Row]:
    """Rows of named columns of equal length."""
    if not isinstance(columns, dict) or not columns:
        raise Malformed(f'"{name}" must be an object of columns.', 422)
    if not all(isinstance(values, list) for values in columns.values()):
        columns = {key: [value] for key, value in columns.items()}
    if len({len(values) for values in columns.values()}) != 1 or not next(iter(columns.values())):
        raise Malformed(f'the columns of "{name}" must be lists of one length.', 422)
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


# /predict: named fields, a list of objects under "rows"


def read_named(body: bytes, _: str, model: Model) -> Asked:
    content, _ = member(body, "rows")
    rows = content["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise Malformed('"rows" must be a list of objects, a row each.', 422)
    return Asked(rows)


def write_named(said: Said) -> dict[str, Any]:
    each = said.each()
    rows = each if said.model.classes else [{"score": score} for score in each]
    return {"request_id": said.request_id, "model": about(said.model), "predictions": rows}


def about(model: Model) -> dict[str, str]:
    it = model.about
    return {"version": it.version, "commit": it.commit, "data": it.data}


# TensorFlow Serving's REST API, KServe's V1 and Vertex AI: instances -> predictions


def read_instances(body: bytes, _: str, model: Model) -> Asked:
    content, name = member(body, "instances", "inputs")
    if name == "instances":
        return Asked(rows_of(content[name], model, name))
    return Asked(transposed(content[name], name), columnar=True)


def write_instances(said: Said) -> dict[str, Any]:
    return {"outputs" if said.asked.columnar else "predictions": said.each()}


# SageMaker: JSON in any of these forms, or CSV without a header (with one it is a name each)


def read_invocation(body: bytes, content_type: str, model: Model) -> Asked:
    if content_type == "text/csv":
        return Asked(read_csv(body, model), csv=True)
    if content_type == "application/jsonlines":
        rows = rows_of([parsed(line) for line in body.splitlines() if line.strip()], model, "lines")
        return Asked(rows)
    content, name = member(body, "rows", "instances", "inputs")
    if name == "inputs":
        return Asked(transposed(content[name], name))
    return Asked(rows_of(content[name], model, name))


def read_csv(body: bytes, model: Model) -> list[Row]:
    """Words as they stand; an empty one is a missing value."""
    try:
        lines = [line for line in csv.reader(io.StringIO(body.decode("utf-8-sig"))) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Malformed("the body is not CSV in UTF-8.") from error
    names = model.features
    if lines and set(names) <= set(lines[0]):
        names, lines = lines[0], lines[1:]
    if not lines or any(len(line) != len(names) for line in lines):
        raise Malformed(
            f"each line must hold {len(names)} values, in the order {', '.join(names)}.", 422
        )
    return [
        {name: value or None for name, value in zip(names, line, strict=True)} for line in lines
    ]


def write_invocation(said: Said) -> Any:
    if not said.asked.csv:
        return {"predictions": said.each()}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        said.scores.reshape(len(said.scores), -1).tolist()
    )
    return text.getvalue()


# Azure ML: what its `mlflow` deployments and its own examples send


def read_azure(body: bytes, _: str, model: Model) -> Asked:
    content, name = member(body, "input_data", "data")
    table = content[name]
    if isinstance(table, dict) and "data" in table:
        names, lines = table.get("columns", model.features), table["data"]
        if not isinstance(names, list) or not all(isinstance(it, str) for it in names):
            raise Malformed('"columns" must be a list of names.', 422)
        if not isinstance(lines, list) or not lines:
            raise Malformed('"data" must be a list of rows.', 422)
        if not all(isinstance(line, list) and len(line) == len(names) for line in lines):
            raise Malformed('"data" must hold a value for each of "columns" in each row.', 422)
        return Asked([dict(zip(names, line, strict=True)) for line in lines])
    return Asked(rows_of(table, model, name))


def write_azure(said: Said) -> Any:
    return said.each()


# Open Inference Protocol v2 (KServe, Triton): a tensor a column


def read_tensors(body: bytes, _: str, model: Model) -> Asked:
    content, _ = member(body, "inputs")
    tensors, columns = content["inputs"], {}
    if not isinstance(tensors, list) or not all(isinstance(it, dict) for it in tensors):
        raise Malformed('"inputs" must be a list of tensors, one a column.', 422)
    for tensor in tensors:
        name, data, shape = tensor.get("name"), tensor.get("data"), tensor.get("shape")
        if not isinstance(name, str) or not isinstance(data, list):
            raise Malformed('a tensor needs "name", "shape", "datatype" and "data".', 422)
        data = [value for it in data for value in (it if isinstance(it, list) else [it])]
        if shape not in ([len(data)], [len(data), 1]):
            raise Malformed(f"tensor {name!r}: shape must be [rows] or [rows, 1].", 422)
        columns[name] = data
    id_ = content.get("id", "")
    if not isinstance(id_, str):
        raise Malformed('"id" must be a string.', 422)
    return Asked(transposed(columns, "inputs"), id=id_)


def write_tensors(said: Said) -> dict[str, Any]:
    classes, count = said.model.classes, len(said.scores)
    outputs: list[dict[str, Any]]
    if classes:
        best = [classes[i] for i in said.scores.argmax(axis=1)]
        outputs = [
            {"name": "scores", "datatype": "FP64", "shape": [count, len(classes)],
             "data": np.ravel(said.scores).tolist()},
            {"name": "class", "datatype": "BYTES", "shape": [count], "data": best},
        ]  # fmt: skip
    else:
        outputs = [
            {"name": "score", "datatype": "FP64", "shape": [count], "data": said.scores.tolist()}
        ]
    return {
        "model_name": NAME,
        "model_version": said.model.about.version,
        "id": said.asked.id or said.request_id,
        "parameters": {"data": said.model.about.data},
        "outputs": outputs,
    }


NAME = "model"
KINDS = {"number": "FP64", "integer": "FP64", "boolean": "BOOL"}  # all others: BYTES


def metadata(model: Model) -> dict[str, Any]:
    """V2's description of the model."""
    inputs = [
        {"name": question.name, "datatype": KINDS.get(question.kind, "BYTES"), "shape": [-1]}
        for question in model.checks.questions
    ]
    outputs = [{"name": "score", "datatype": "FP64", "shape": [-1]}]
    if model.classes:
        outputs = [
            {"name": "scores", "datatype": "FP64", "shape": [-1, len(model.classes)]},
            {"name": "class", "datatype": "BYTES", "shape": [-1]},
        ]
    return {
        "name": NAME,
        "versions": [model.about.version],
        "platform": "scikit-learn",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": {"data": model.about.data, "classes": model.classes},
    }


def tensors(model: Model, row: Row) -> dict[str, Any]:
    return {
        "inputs": [
            {**it, "shape": [1], "data": [row[it["name"]]]} for it in metadata(model)["inputs"]
        ]
    }


def instances(_: Model, row: Row) -> dict[str, Any]:
    return {"instances": [row]}


def named(_: Model, row: Row) -> dict[str, Any]:
    return {"rows": [row]}


def azure(_: Model, row: Row) -> dict[str, Any]:
    return {"input_data": {"columns": list(row), "index": [0], "data": [list(row.values())]}}


PROTOCOLS = [
    Protocol(os.environ.get("AIP_PREDICT_ROUTE") or "/vertex", "Vertex AI",
             read_instances, write_instances, instances),
    Protocol("/predict", "Predict rows of named columns", read_named, write_named, named),
    Protocol(f"/v2/models/{NAME}/infer", "Open Inference Protocol v2: KServe, Triton",
             read_tensors, write_tensors, tensors),
    Protocol(f"/v2/models/{NAME}/versions/{{version}}/infer", "The same, by version",
             read_tensors, write_tensors, tensors),
    Protocol(f"/v1/models/{NAME}:predict", "TensorFlow Serving's REST API, KServe V1",
             read_instances, write_instances, instances),
    Protocol("/invocations", "SageMaker: JSON or CSV", read_invocation, write_invocation, named),
    Protocol("/score", "Azure ML", read_azure, write_azure, azure),
]  # fmt: skip

# What else a platform asks: is it alive, is it ready? All without a body.
LIVE = ["/health/live", "/v2/health/live"]
READY = [
    "/health/ready", "/v2/health/ready", f"/v2/models/{NAME}/ready", "/ping", "/",
    os.environ.get("AIP_HEALTH_ROUTE") or "/vertex/health",
]  # fmt: skip
