"""What is posted to do something in a case: who, why, and the fields of the act itself."""

from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.cases.acts import ACTS, AnyAct, name_of
from services.access import Caller
from services.problems import Problem, field_errors

A = TypeVar("A")
BODY_BYTES_MAX = 4 << 20
_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(cls) for name, cls in ACTS.items()}


class Signed(BaseModel):
    """What every command carries beside the act."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    actor: str | None = Field(
        default=None, min_length=1, max_length=200, description="who does it; else the key's source"
    )
    reason: str | None = Field(default=None, min_length=1, max_length=4_000, description="why")
    expected_sequence: int | None = Field(
        default=None, ge=0, description="number of the newest act you have seen: makes the command safe to send again"
    )


@dataclass(frozen=True, slots=True)
class Body:
    """A body read: who signs it, and the other fields as they were sent."""

    signed: Signed
    fields: dict[str, Any]
    caller: Caller

    @property
    def actor(self) -> str:
        return self.signed.actor or self.caller.source

    def act(self, cls: type[A], **given: Any) -> A:
        """The act that the fields make; `given` are the service's own. Raises Problem 422 that names the field."""
        context = {"own_party": self.caller.own_party, "zone": self.caller.zone}
        try:
            made: A = _ADAPTERS[name_of(cls)].validate_python(
                {**self.fields, **given, "act": name_of(cls)}, context=context
            )
            return made
        except ValidationError as error:
            raise refused(error) from error

    def reasoned(self) -> None:
        """Raises Problem 422 where no reason is given: a regulator will ask for it."""
        if self.signed.reason is None:
            raise Problem(422, "invalid-command", "reason: is missing: say why, it is kept with the act")


async def body_of(request: Request, caller: Caller) -> Body:
    """The body of a command; an empty one is an object without fields. Raises Problem 400, 413, 422."""
    raw = await request.body()
    if len(raw) > BODY_BYTES_MAX:
        raise Problem(
            413, "body-too-large", f"{len(raw)} bytes, at most {BODY_BYTES_MAX}: send items in several commands"
        )
    try:
        document = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as error:
        raise Problem(400, "not-json", f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Problem(422, "invalid-command", "send one JSON object")
    signing = {name: document.pop(name) for name in Signed.model_fields if name in document}
    try:
        return Body(Signed.model_validate(signing), document, caller)
    except ValidationError as error:
        raise refused(error) from error


def refused(error: ValidationError) -> Problem:
    """Why a command is not one."""
    errors = [{**e, "field": e["field"]} for e in field_errors(error)]
    return Problem(422, "invalid-command", "; ".join(f"{e['field']}: {e['detail']}" for e in errors), errors=errors)


def described(cls: type[AnyAct] | None, example: dict[str, Any]) -> dict[str, Any]:
    """What the API description says of a command's body."""
    schema = Signed.model_json_schema()
    if cls is not None:
        own = _ADAPTERS[name_of(cls)].json_schema(ref_template="#/components/schemas/{model}")
        fields = {name: field for name, field in own["properties"].items() if name != "act"}
        schema["properties"] = {**fields, **schema["properties"]}
    schema.pop("title", None)
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"content": content}}
