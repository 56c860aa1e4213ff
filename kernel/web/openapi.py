"""The machine doors: one decorator declares, checks and documents an endpoint (OpenAPI 3.1).

Source: OpenAPI 3.1.0; RFC 9457 (problems); RFC 8288 (Link); draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema

from kernel.web import audience, idempotency
from kernel.web.forms import parse_form, parse_json

Model = type[BaseModel]

REF = "#/components/schemas/{model}"
PATH_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "UUIDConverter": {"type": "string", "format": "uuid"},
    "IntegerConverter": {"type": "integer", "minimum": 0},
    "UnicodeConverter": {"type": "string", "minLength": 1},
    "PathConverter": {"type": "string", "minLength": 1},
}


def _leave_out_nothing(schema: dict[str, Any]) -> None:
    """Answers leave out what is null, so a field that may be null is not a required one."""
    nullable = {
        name
        for name, one in schema.get("properties", {}).items()
        if {"type": "null"} in one.get("anyOf", ()) or one.get("type") == "null"
    }
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if name not in nullable]


class Shown(BaseModel):
    """The base of everything the API answers with. What is null is left out of an answer."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, json_schema_extra=_leave_out_nothing)


class Nothing(BaseModel):
    """A query without parameters: any parameter is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(Shown):
    """What went wrong (RFC 9457)."""

    type: str
    status: int
    code: str
    title: str
    detail: str | None = None
    source: str | None = None
    field: str | None = None
    details: dict[str, Any] | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Answer:
    """An answer with more to say than its body: a status, headers, and the address of the next page."""

    body: BaseModel | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    next: str | None = None


@dataclass(frozen=True)
class Spec:
    """What an endpoint declared."""

    summary: str
    body: Model | None
    query: Model
    answers: Mapping[int, Model | str | None]
    problems: Sequence[int]
    scopes: Sequence[str]
    tag: str
    idempotent: bool
    upload: str | None


def endpoint(
    summary: str,
    *,
    answers: Mapping[int, Model | str | None],
    scopes: Sequence[str] = (),
    body: Model | None = None,
    query: Model = Nothing,
    problems: Sequence[int] = (),
    tag: str = "",
    idempotent: bool = False,
    upload: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Declare a machine door. Stands directly below the route; replaces the audience decorator.

    The view gets its path arguments, ``body=`` when a body model is declared, and ``query=`` when a query
    model is. It returns a model, an ``Answer``, or a finished ``Response``.

    Args:
        answers: status → model, media type as text for bytes, or None for an empty answer; the usual first.
        scopes: of which a token needs one; none for a public door.
        problems: statuses beyond those that follow from the declaration itself.
        idempotent: heed ``Idempotency-Key``; only with a body model.
        upload: media type of a raw body that the view reads itself.
    """
    spec = Spec(summary, body, query, answers, problems, tuple(scopes), tag, idempotent, upload)
    assert not idempotent or body is not None, summary

    def declare(view: Callable[..., Any]) -> Callable[..., Response]:
        @wraps(view)
        def door(**path: Any) -> Response:
            given = dict(path)
            asked = parse_form(query, request.args)
            if query is not Nothing:
                given["query"] = asked
            if body is not None:
                given["body"] = parse_json(body)
            if spec.idempotent:
                return idempotency.once(lambda: respond(view(**given), spec))
            return respond(view(**given), spec)

        guarded = audience.api(*spec.scopes)(door)
        guarded.spec = spec  # type: ignore[attr-defined]
        return guarded

    return declare


def respond(result: Any, spec: Spec) -> Response:
    """The HTTP answer of what a view returned: JSON, ETag and 304 for reads, ``Link: rel="next"``."""
    if isinstance(result, Response):
        return result
    answer = result if isinstance(result, Answer) else Answer(result)
    status = answer.status or next(iter(spec.answers))
    data = "" if answer.body is None else answer.body.model_dump_json(by_alias=True, exclude_none=True)
    response = Response(
        data, status, mimetype="application/json" if data else None, headers=dict(answer.headers)
    )
    if not data:
        response.headers.pop("Content-Type", None)
    if answer.next is not None:
        address = re.sub(r"[?&]after=[^&]*", "", request.full_path.rstrip("?"))
        joint = "&" if "?" in address else "?"
        response.headers["Link"] = f'<{address}{joint}after={answer.next}>; rel="next"'
    if request.method in ("GET", "HEAD") and status == 200:
        response.add_etag()
        response.make_conditional(request)
    return response


def spec_of(view: Callable[..., Any]) -> Spec | None:
    found = getattr(view, "spec", None)
    return found if isinstance(found, Spec) else None


def document(app: Flask, *, base_url: str, version: str = "1") -> dict[str, Any]:
    """The OpenAPI 3.1 document of every declared endpoint."""
    models: dict[tuple[Model, Any], None] = {(Problem, "serialization"): None}
    found = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: (one.rule, one.endpoint)):
        spec = spec_of(app.view_functions[rule.endpoint])
        if spec is None:
            continue
        found.append((rule, spec))
        if spec.body is not None:
            models[(spec.body, "validation")] = None
        models.update({(m, "serialization"): None for m in spec.answers.values() if isinstance(m, type)})
    refs, definitions = models_json_schema(list(models), ref_template=REF)
    paths: dict[str, Any] = {}
    for rule, spec in found:
        address = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(address, {})[method.lower()] = _operation(rule, spec, method, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sunroad 阳光路",
            "version": version,
            "description": "Money is a decimal string in yuan, times are RFC 3339 with offset. "
            'Problems are RFC 9457. Lists page by `after`; follow `Link: rel="next"`.',
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(rule: Any, spec: Spec, method: str, refs: Mapping[Any, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": PATH_SCHEMAS.get(type(rule._converters[name]).__name__, {"type": "string"}),
        }
        for name in sorted(rule.arguments)
    ]
    wanted = spec.query.model_json_schema()
    definitions = wanted.get("$defs", {})
    for name, schema in wanted.get("properties", {}).items():
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        parameters.append(
            {"name": name, "in": "query", "required": name in wanted.get("required", ()), "schema": schema}
        )
    if spec.idempotent:
        schema = {"type": "string", "minLength": 8, "maxLength": 128, "pattern": "^[!-~]+$"}
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema})
    responses: dict[str, Any] = {}
    for status, model in spec.answers.items():
        responses[str(status)] = {"description": HTTPStatus(status).phrase} | _content(model, refs)
    if method == "GET" and 200 in spec.answers and not isinstance(spec.answers[200], str):
        responses["304"] = {"description": "Not modified"}
    for status in _problems(rule, spec):
        problem = {"application/problem+json": {"schema": refs[(Problem, "serialization")]}}
        responses.setdefault(str(status), {"description": HTTPStatus(status).phrase, "content": problem})
    operation: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": spec.summary,
        "tags": [spec.tag or rule.endpoint.split(".")[0]],
        "parameters": parameters,
        "responses": responses,
    }
    if spec.body is not None:
        content = {"application/json": {"schema": refs[(spec.body, "validation")]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif spec.upload is not None:
        operation["requestBody"] = {"required": True, "content": {spec.upload: {}}}
    if spec.scopes:
        operation["security"] = [{"token": []}]
        operation["description"] = f"Token scopes: one of {', '.join(spec.scopes)}."
    return operation


def _content(model: Model | str | None, refs: Mapping[Any, Any]) -> dict[str, Any]:
    if model is None:
        return {}
    if isinstance(model, str):
        return {"content": {model: {}}}
    return {"content": {"application/json": {"schema": refs[(model, "serialization")]}}}


def _problems(rule: Any, spec: Spec) -> list[int]:
    found = {422, 429, *spec.problems}  # any endpoint refuses unknown query parameters
    if spec.body is not None:
        found |= {400, 413, 415}
    if spec.scopes:
        found |= {401, 403}
    if rule.arguments:
        found.add(404)
    if spec.idempotent:
        found.add(409)
    return sorted(found)


def published() -> Response:
    """The document of the running application, as an answer."""
    house = current_app.extensions["sunroad"]
    text = json.dumps(document(current_app, base_url=house.settings.base_url), ensure_ascii=False)
    response = Response(text, mimetype="application/json")
    response.add_etag()
    response.make_conditional(request)
    return response
