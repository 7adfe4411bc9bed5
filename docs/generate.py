"""Write the generated parts of the documents: tables of settings, routes, results, errors, metrics and figures.

`make reference` runs it after a change of the code that they describe. A generated part is between the lines
`<!-- generated: NAME -->` and `<!-- /generated -->`. `tests/test_documents.py` fails if a part is not current.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app import errors
from app.recognition.evaluation_table import format_summary, format_table, percent
from app.recognition.model_card import ModelCard, read_card
from app.serialization import CSV_COLUMNS
from app.settings import _RENAMED, PREFIX, ROOT, Settings, reference
from app.text import count

FOLDER = ROOT / "docs"
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
_METHODS = ("get", "post", "put", "patch", "delete")
_SCHEMAS = "#/components/schemas/"


def fill(document: str) -> str:
    """Return a document with its generated parts."""
    return PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n\n{match[3]}", document)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table. The cells may contain Markdown."""
    titles = list(header)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: object) -> str:
    return f"`{text}`" if text not in ("", None) else ""


# Settings


TOPICS = {
    "detector": "Faces and verdicts",
    "max_pixels": "Limits of photos and requests",
    "model": "Network and gallery",
    "admin_token": "Administration and contact",
    "host": "Server",
    "trusted_hosts": "Clients and proxies",
    "metrics": "Metrics and log",
    "deepface_home": "Variables of libraries",
}
"""Topics by their first setting, in the order of `Settings`."""


def settings() -> str:
    """Return a table of settings for each topic."""
    parts: list[tuple[str, list[tuple[str, ...]]]] = []
    for row in reference():
        if row.name in TOPICS:
            parts.append((TOPICS[row.name], []))
        default = _code(_portable(row.default))
        parts[-1][1].append((_code(row.variable), default, _range(row.allowed), row.meaning))
    header = ("Variable", "Default", "Allowed values", "Meaning")
    return "\n\n".join(f"## {topic}\n\n{table(header, rows)}" for topic, rows in parts)


def _range(allowed: str) -> str:
    """Return allowed values in the words of a table, such as `1 or more`."""
    return re.sub(r"a whole number from (\d+) to (\d+)", _range_in_words, allowed)


def _range_in_words(match: re.Match[str]) -> str:
    low, high = match[1], match[2]
    return f"{low} or more" if len(high) > 12 else f"{low} to {int(high):,}"


def renamed_settings() -> str:
    """Return the table of the old names of settings."""
    rows = [(_code(PREFIX + old.upper()), _code(PREFIX + new.upper())) for old, new in _RENAMED.items()]
    return table(("Old name", "New name"), rows)


def _portable(value: str) -> str:
    """Return a default value without the folders of this machine."""
    return value.replace(f"{ROOT}/", "").replace(sys.prefix, ".venv")


# HTTP API


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of a server."""
    from app.web.api import docs
    from app.web.factory import create_app

    # The document does not depend on the recognizer, and a server without one would start to load the network.
    app = create_app(Settings(metrics=False), recognizer=_NoRecognizer())
    with app.test_request_context():
        return docs.build_document()


class _NoRecognizer:
    """A recognizer that does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_arguments, **_options: None


def routes() -> str:
    """Return a section for each group of routes of the HTTP API."""
    document = openapi()
    found = [
        (method.upper(), path, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    parts = []
    for tag in document["tags"]:
        parts.append(f"## {tag['name']}\n\n{tag['description']}.")
        parts += [_route(*each) for each in found if tag["name"] in each[2]["tags"]]
    return "\n\n".join(parts)


def _route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [f"### {method} {path}", operation["summary"], operation.get("description", "")]
    parts.append(_access(operation["security"]))
    rows = [
        (_code(each["name"]), each["in"], *_value(each, each["schema"])) for each in operation.get("parameters", [])
    ]
    if rows:
        parts.append(table(("Parameter", "In", "Type", "Default", "Meaning"), rows))
    bodies = operation.get("requestBody", {}).get("content", {})
    rows = [(_code(kind), _type(body["schema"])) for kind, body in sorted(bodies.items(), reverse=True)]
    if rows:
        parts.append(table(("Body", "Content"), rows))
    answers = sorted(operation["responses"].items())
    rows = [
        (status, ", ".join(_type(body.get("schema", {})) or kind for kind, body in answer.get("content", {}).items()))
        for status, answer in answers
        if status.startswith("2")
    ]
    parts.append(table(("Status", "Content"), rows))
    failures = [status for status, _ in answers if status[0] in "45"]
    parts.append(f"Errors: {', '.join(failures)}. See [Errors](errors.md).")
    return "\n\n".join(part for part in parts if part)


def _access(security: Iterable[Mapping[str, Iterable[str]]]) -> str:
    """Return which key a route needs, from the security requirements of its operation."""
    scopes = " or ".join(_code(scope) for requirement in security for scope in requirement.get("key", ()))
    return f"Requires a key with the scope {scopes}{', except on an open server' if {} in security else ''}."


def schemas() -> str:
    """Return a section for each object in requests and responses."""
    parts = []
    for name, schema in sorted(openapi()["components"]["schemas"].items()):
        rows = [
            (_code(field), *_value({"required": field in schema.get("required", [])}, about))
            for field, about in schema.get("properties", {}).items()
        ]
        content = table(("Field", "Type", "Default", "Meaning"), rows) if rows else f"One of: {_type(schema)}."
        parts.append("\n\n".join(part for part in (f"### {name}", schema.get("description", ""), content) if part))
    return "\n\n".join(parts)


def _value(about: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return type, default and meaning of a parameter or a field."""
    default = "required" if about.get("required") else _code(schema.get("default"))
    meaning = [schema.get("description", about.get("description", ""))]
    limits = [
        f"{words} {schema[key]:g}"
        for key, words in (("minimum", "at least"), ("maximum", "at most"), ("maxLength", "at most"))
        if key in schema
    ]
    if limits:
        meaning.append(f"({' and '.join(limits)}{' characters' if 'maxLength' in schema else ''})")
    return _type(schema), default, " ".join(part for part in meaning if part)


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMAS)
        return f"[{name}](results.md#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(_code(value) for value in schema["enum"])
    if "const" in schema:
        return _code(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("format") if schema.get("format") == "date-time" else schema.get("type", ""))


def csv_columns() -> str:
    """Return the columns of CSV files of results."""
    return ", ".join(map(_code, CSV_COLUMNS)) + "."


# Errors and metrics


def error_codes() -> str:
    """Return the table of the exceptions with code, HTTP status and meaning."""
    from app.web.http_errors import STATUSES

    rows = []
    for error in _exceptions(errors.FacesError):
        status = next((str(STATUSES[base]) for base in error.__mro__ if base in STATUSES), "")
        # The code of some photos' errors is an argument.
        code = "" if "code" in inspect.signature(error).parameters else error("").code
        rows.append((_code(error.__name__), _code(code), status, inspect.getdoc(error) or ""))
    return table(("Exception", "Code", "HTTP status", "Meaning"), rows)


def _exceptions(base: type[errors.FacesError]) -> Iterator[type[errors.FacesError]]:
    yield base
    for error in base.__subclasses__():
        if error.__module__ == errors.__name__:
            yield from _exceptions(error)


def metrics() -> str:
    """Return the table of the metrics."""
    from prometheus_client.metrics import MetricWrapperBase

    from app.web.middleware.metrics import Metrics

    collectors = [value for value in vars(Metrics()).values() if isinstance(value, MetricWrapperBase)]
    families = [(next(iter(each.describe())), each) for each in collectors]
    rows = [
        (
            _code(family.name + ("_total" if family.type == "counter" else "")),
            family.type,
            ", ".join(_code(label) for label in collector._labelnames),
            f"{family.documentation}.",
        )
        for family, collector in families
    ]
    return table(("Metric", "Type", "Labels", "Meaning"), rows)


# Model card


@cache
def _card() -> ModelCard:
    return read_card(Settings().model)


def figures() -> str:
    """Return the table of the evaluation."""
    return format_table(_card().raw.get("metrics", {}))


def summary() -> str:
    """Return the five figures of the README."""
    return format_summary(_card().raw.get("metrics", {}))


def model_figures() -> str:
    """Return the figures that say most about the network."""
    parts = ("own_galleries", "unseen_people", "impostors", "comparisons", "lfw")
    metrics = _card().raw.get("metrics", {})
    return format_table({part: metrics[part] for part in parts if part in metrics})


def model_details() -> str:
    """Return what the card says about the network."""
    raw = _card().raw
    network = raw["architecture"]
    origin = raw["training"].get("pretrained", {})
    rows = [
        ("Network", _code(_card().id)),
        ("Date", raw["made"]),
        ("Kind", network["kind"]),
        ("Size", f"{network['parameters']:,} parameters, {network['multiply_adds']:,} multiply-adds a face"),
        ("Input", f"{raw['input']['width']} x {raw['input']['height']} pixels, {raw['input']['color']}"),
        ("Output", f"embedding of {raw['embedding']} numbers, of length 1"),
        ("Weights", f"{origin.get('source', 'trained by this project')}. License: {origin.get('license', 'MIT')}"),
        ("Weights file", f"`models/{raw['weights']['file']}`, {raw['weights']['bytes']:,} bytes"),
        ("Training steps of this project", f"{raw['training'].get('steps_done', 0):,}"),
    ]
    return table(("Property", "Value"), rows)


def model_data() -> str:
    """Return what the card says about the data."""
    return str(_card().raw["data"])


def model_thresholds() -> str:
    """Return the thresholds of the card by rate, gallery and number of reference photos."""
    rows = []
    for fpir, gallery_table in _card().rules.thresholds:
        for people, cells in gallery_table:
            chosen = [f"{distance:.3f}" for anchors, distance in cells if anchors in (1, 3, 10)]
            rows.append((percent(fpir), f"{people:,}", *chosen))
    return table(("FPIR", "People in the gallery", "1 reference photo", "3", "10"), rows)


def model_fairness() -> str:
    """Return how the rates differ between people."""
    part = _card().raw["metrics"]["fairness"]
    rows = [
        (name, percent(rate["mean"]), percent(rate["spread"]), percent(rate["worst_tenth"]))
        for name, rate in (("Rank-1", part["rank1"]), ("TPIR with the shipped threshold", part["matched"]))
    ]
    header = (f"Rate over {count(part['people'], 'person')}", "Mean", "Standard deviation", "Lowest tenth")
    return table(header, rows)


# Tutorial


def toy_figures() -> str:
    """Return the figures of the toy network."""
    figures = json.loads((FOLDER / "tutorials" / "toy" / "figures.json").read_text(encoding="utf-8"))
    header = ("Distance of", "Accuracy", "TAR at FAR 1 %", "Rank-1, one photo", "Rank-1, five photos")
    rows = [(name, *(percent(value) for value in row.values())) for name, row in figures["sets"].items()]
    return table(header, rows)


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "renamed-settings": renamed_settings,
    "routes": routes,
    "schemas": schemas,
    "csv-columns": csv_columns,
    "errors": error_codes,
    "metrics": metrics,
    "figures": figures,
    "summary": summary,
    "model-details": model_details,
    "model-data": model_data,
    "model-figures": model_figures,
    "toy": toy_figures,
    "model-thresholds": model_thresholds,
    "model-fairness": model_fairness,
}
"""Functions that return the generated parts, by name."""


def documents() -> list[Path]:
    """Return the documents with generated parts."""
    candidates = [ROOT / "README.md", *sorted(FOLDER.rglob("*.md"))]
    return [path for path in candidates if PART.search(path.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    for path in documents():
        text = path.read_text(encoding="utf-8")
        filled = fill(text)
        if filled != text:
            path.write_text(filled, encoding="utf-8")
            print(f"Wrote {path.relative_to(ROOT)}")
