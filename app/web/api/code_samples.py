"""Code samples of API operations in curl, Python and JavaScript, as `x-codeSamples` of the OpenAPI document."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

_VALUES = {
    "person_id": 7,
    "face_id": 12,
    "change_id": 3,
    "opt_out_id": 4,
    "into": 8,
    "name": "Bo Berg",
    "basis": "consent",
    "aliases": ["Bo B."],
    "q": "drake",
    "image": "photo.jpg",
    "a": "first.jpg",
    "b": "second.jpg",
}
"""Example of each path parameter, of each field of a body, and of some query parameters."""

_SHOWN = {("list_people", "q"), ("add_opt_out", "name")}
"""Optional query parameters that a sample has."""

_CURL_TOKEN = '"Authorization: Bearer $WHOPIC_KEY"'
_PYTHON_TOKEN = 'headers={"Authorization": f"Bearer {os.environ[\'WHOPIC_KEY\']}"}'
_JAVASCRIPT_TOKEN = "Authorization: `Bearer ${process.env.WHOPIC_KEY}`"


@dataclass(frozen=True)
class SampleRequest:
    """A request that a sample sends.

    Attributes:
        method: in upper case.
        url: absolute, with its query.
        files: file name by form field.
        body: JSON object, or None.
        authorized: whether it has an access key.
        media_type: of the response, "" if it has no content.
    """

    method: str
    url: str
    files: Mapping[str, str]
    body: Mapping[str, Any] | None
    authorized: bool
    media_type: str

    @property
    def file_name(self) -> str:
        """Name of the file for a response that is not JSON, or ""."""
        return "portrait.webp" if self.media_type not in ("", "application/json") else ""


def add_samples(document: dict[str, Any], base_url: str) -> None:
    """Add `x-codeSamples` to every operation of an OpenAPI document.

    Args:
        document: changed in place.
        base_url: of the server, without a slash at the end.
    """
    for path, item in document["paths"].items():
        for method, operation in item.items():
            request = sample_request(document, base_url, path, method)
            operation["x-codeSamples"] = [
                {"lang": language, "label": label, "source": write(request)}
                for language, label, write in (
                    ("Shell", "curl", write_curl),
                    ("Python", "Python", write_python),
                    ("JavaScript", "JavaScript (Node.js)", write_javascript),
                )
            ]


def sample_request(document: Mapping[str, Any], base_url: str, path: str, method: str) -> SampleRequest:
    """Return the sample request of an operation: its required parameters and fields, with made-up values."""
    operation = document["paths"][path][method]
    address = path.format(**_VALUES)
    query = {
        parameter["name"]: _VALUES[parameter["name"]]
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
        and (parameter["required"] or (operation["operationId"], parameter["name"]) in _SHOWN)
    }
    content = operation.get("requestBody", {}).get("content", {})
    form, fields = "multipart/form-data" in content, {}
    if content:
        body = content["multipart/form-data" if form else "application/json"]
        schema = body["schema"]["$ref"].rpartition("/")[2]
        # Without required fields, a form has optional photos, and a body changes the fields that it has.
        required = document["components"]["schemas"][schema].get("required", ["image" if form else "basis"])
        fields = {name: _VALUES[name] for name in required}
    success = next(response for status, response in operation["responses"].items() if status.startswith("2"))
    return SampleRequest(
        method=method.upper(),
        url=base_url + address + (f"?{urlencode(query)}" if query else ""),
        files={name: str(value) for name, value in fields.items()} if form else {},
        body=fields if fields and not form else None,
        authorized={} not in operation.get("security", [{}]),
        media_type=next(iter(success.get("content", [""]))),
    )


def write_curl(request: SampleRequest) -> str:
    """Return a request as a command for a POSIX shell."""
    options = [f"-F {name}=@{file}" for name, file in request.files.items()]
    if request.body is not None:
        options += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(request.body))}"]
    if request.method != ("POST" if options else "GET"):
        options.insert(0, f"-X {request.method}")
    if request.authorized:
        options.append(f"-H {_CURL_TOKEN}")
    if request.file_name:
        options.append(f"-o {request.file_name}")
    words = ["curl", *options, f"'{request.url}'"]
    return " ".join(words) if len(options) < 2 else " \\\n  ".join([f"curl {words[1]}", *words[2:]])


def write_python(request: SampleRequest) -> str:
    """Return a request as a Python program with the library requests."""
    arguments = [f'"{request.url}"']
    if request.authorized:
        arguments.append(_PYTHON_TOKEN)
    if request.files:
        files = ", ".join(f'"{name}": {name}' for name in request.files)
        arguments.append(f"files={{{files}}}")
    if request.body is not None:
        arguments.append(f"json={json.dumps(request.body)}")
    arguments.append("timeout=60")
    call = [f"response = requests.{request.method.lower()}(", *(f"    {argument}," for argument in arguments), ")"]
    if request.files:
        opened = ", ".join(f'open("{file}", "rb") as {name}' for name, file in request.files.items())
        call = [f"with {opened}:", *(f"    {line}" for line in call)]
    result = ["print(response.json())"] if request.media_type else []
    if request.file_name:
        result = [f'with open("{request.file_name}", "wb") as file:', "    file.write(response.content)"]
    imports = ["import os", ""] if request.authorized else []
    return "\n".join([*imports, "import requests", "", *call, "response.raise_for_status()", *result])


def write_javascript(request: SampleRequest) -> str:
    """Return a request as a module for Node.js 20 or later."""
    imports, form, options = [], [], []
    if request.method != "GET":
        options.append(f'method: "{request.method}"')
    headers = [_JAVASCRIPT_TOKEN] if request.authorized else []
    if request.body is not None:
        headers.append('"Content-Type": "application/json"')
    if headers:
        options.append(f"headers: {{ {', '.join(headers)} }}")
    if request.files:
        imports.append('import { openAsBlob } from "node:fs";')
        form = ["const form = new FormData();"]
        form += [
            f'form.append("{name}", await openAsBlob("{file}"), "{file}");' for name, file in request.files.items()
        ]
        options.append("body: form")
    if request.body is not None:
        options.append(f"body: JSON.stringify({json.dumps(request.body)})")
    result = ["console.log(await response.json());"] if request.media_type else []
    if request.file_name:
        imports.append('import { writeFile } from "node:fs/promises";')
        result = [f'await writeFile("{request.file_name}", Buffer.from(await response.arrayBuffer()));']
    call = [f'const response = await fetch("{request.url}");']
    if options:
        call = [f'const response = await fetch("{request.url}", {{', *(f"  {option}," for option in options), "});"]
    check = "if (!response.ok) throw new Error(await response.text());"
    return "\n".join([*imports, *([""] if imports else []), *form, *call, check, *result])
