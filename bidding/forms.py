"""What comes in through the doors of this room, parsed once.

Protocol bodies stay plain mappings: their exact members are checked by the protocol itself, because they are signed.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from bidding.rules.bonds import Kept
from kernel.web import Form, Instant, YuanField

Hex16 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Part = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,16}$")]
B64 = Annotated[str, Field(max_length=1 << 20)]


class Message(BaseModel):
    """A signed message of the protocol: a body and the signature over it (sealing §2)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body: dict[str, Any]
    sig: dict[str, Any]


class BlockList(BaseModel):
    """The hashes of one part's blocks, 32 bytes each, concatenated, in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: Part
    hashes: B64


class Submission(Message):
    """A bid's commitment with the hashes of its blocks; ``replace`` is the word of the bid it replaces (sealing §6)."""

    blocks: Annotated[list[BlockList], Field(min_length=1, max_length=8)]
    replace: Message | None = None

    @property
    def lost_key(self) -> bool:
        """Whether an organisation signs in place of a lost key."""
        return self.replace is not None and "key" in self.replace.body


class Empty(BaseModel):
    """An empty object."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Disclosure(BaseModel):
    """The content behind a logged release: its leaf, the salt of its digest, the shares (sealing §8.3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: Annotated[int, Field(ge=0)]
    salt: B64
    private: dict[str, Any]


class ReleaseStep(RootModel[Message | Disclosure]):
    """First the promise by its digest, then the content."""


class Secret(BaseModel):
    """A bidder's own way into one part of his bid, in base64; ``lock`` is empty unless he used one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: Part
    secret: B64
    lock: B64 = ""


class KitQuery(Form):
    """Which part, and the size of the last checkpoint the custodian accepted."""

    part: Part
    since: Annotated[int, Field(ge=0)] = 0


class AckQuery(Form):
    """Which bid and which part of it."""

    bid: Hex16
    part: Part


class PolicyQuery(Form):
    """An older policy by its digest; the newest when left out."""

    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""


class ReceiptQuery(Form):
    """The newest receipt, or the one of a step."""

    kind: Annotated[str, Field(pattern=r"^(commit|complete|withdraw)?$")] = ""


class Objecting(Form):
    """An objection to the opening, made in the hall."""

    text: Annotated[str, Field(min_length=1, max_length=2000)]
    lot: str = ""


class Speaking(Form):
    """A message in the opening hall; the rule says how long it may be."""

    text: Annotated[str, Field(max_length=8000)] = ""


class Answering(Form):
    """The buyer's answer on the spot."""

    answer: Annotated[str, Field(min_length=1, max_length=2000)]
    upheld: bool = False


class Signing(Form):
    """A bidder's word under the opening record."""

    remark: Annotated[str, Field(max_length=1000)] = ""


class AskAccount(Form):
    """A bidder asks for an account to pay his bond to."""

    lot: Annotated[int, Field(ge=1, le=999)] = 1
    payer_account: Annotated[str, Field(max_length=60)]


class FileGuarantee(Form):
    """A bidder files a guarantee; its file comes beside."""

    guaranteed_lot: Annotated[int, Field(ge=1, le=999)] = 1
    issuer: Annotated[str, Field(max_length=120)]
    number: Annotated[str, Field(max_length=80)]
    amount: YuanField
    valid_until: date


class PaymentArrived(Form):
    """A payment as the bank's statement shows it. The same ``bank_ref`` again changes nothing."""

    account: Annotated[str, Field(pattern=r"^\d{16}$")]
    amount: YuanField
    payer_name: Annotated[str, Field(max_length=200)]
    payer_account: Annotated[str, Field(max_length=60)]
    bank_ref: Annotated[str, Field(max_length=64)]
    arrived_at: Instant


class Checking(Form):
    """What the issuer of a guarantee said."""

    genuine: bool
    note: Annotated[str, Field(max_length=500)] = ""


class Keeping(Form):
    """The buyer keeps a bond."""

    kept: Kept
    reason: Annotated[str, Field(max_length=500)] = ""
