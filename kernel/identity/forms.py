"""What people hand in about themselves."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from kernel.rights import Role
from kernel.web.forms import Form

Name = Annotated[str, Field(min_length=1, max_length=100)]
Email = Annotated[str, Field(min_length=3, max_length=200, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Secret = Annotated[str, Field(min_length=1, max_length=200)]
Optional200 = Annotated[str, Field(max_length=200)]


class SignIn(Form):
    email: Email
    password: Secret
    next: str = ""


class Code(Form):
    code: Annotated[str, Field(min_length=6, max_length=40)]
    next: str = ""


class Register(Form):
    uscc: Annotated[str, Field(min_length=18, max_length=24)]
    org_name: Annotated[str, Field(min_length=1, max_length=200)]
    org_name_en: Optional200 = ""
    legal_person: Name
    address: Annotated[str, Field(min_length=1, max_length=300)]
    person_name: Name
    email: Email
    phone: Annotated[str, Field(min_length=5, max_length=40)]
    password: Secret
    password_again: Secret


class Forgot(Form):
    email: Email


class NewPassword(Form):
    password: Secret
    password_again: Secret


class ChangePassword(NewPassword):
    current: Secret


class StepUp(Form):
    password: Secret
    next: str = ""


class Language(Form):
    lang: Literal["zh-CN", "en"]


class Switch(Form):
    org_id: UUID


class BrowserKey(Form):
    name: Name
    spki: Annotated[str, Field(min_length=40, max_length=2000)]


class NewToken(Form):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: list[str] = Field(min_length=1)
    days: Annotated[int, Field(ge=1, le=366)] = 90


class NewOrganization(Form):
    uscc: Annotated[str, Field(min_length=18, max_length=24)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    name_en: Optional200 = ""
    kinds: list[Role] = Field(min_length=1)
    legal_person: Annotated[str, Field(max_length=100)] = ""
    address: Annotated[str, Field(max_length=300)] = ""
    contact_name: Annotated[str, Field(max_length=100)] = ""
    contact_email: Optional200 = ""
    contact_phone: Annotated[str, Field(max_length=40)] = ""


class NewPerson(Form):
    name: Name
    name_en: Annotated[str, Field(max_length=100)] = ""
    email: Email
    phone: Annotated[str, Field(max_length=40)] = ""
    roles: list[Role] = Field(min_length=1)


class Reason(Form):
    reason: Annotated[str, Field(min_length=1, max_length=500)]
