"""What a document says about its making: Word, Excel and PDF metadata, revision ids, embedded images, plain text.

Files come from bidders and are not trusted: archives are bounded before anything is unpacked, XML is parsed without
entities, images and pages are limited, and whatever cannot be read is named as unread instead of failing the rest.

Source: rules §5.2 (M-01, M-02, T-04, D-05).
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from typing import Any

from kernel.encodings import decoded
from supervision.rules.signals.combine import Indicator, Kind, Light
from supervision.rules.signals.traces_values import authored, folded

BYTES_MOST = 60 * 2**20
UNPACKED_MOST = 200 * 2**20
MEMBERS_MOST = 5_000
RATIO_MOST = 200
XML_MOST = 30 * 2**20
PAGES_MOST = 400
IMAGES_MOST = 40
PIXELS_MOST = 40_000_000
SIDE_LEAST = 48
RSIDS_LEAST = 3
NEAR_BITS = 4
SAME_TIME = timedelta(seconds=60)
PROPERTIES = ("author", "editor", "company", "manager", "template")

_CORE = "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_TERMS = "{http://purl.org/dc/terms/}"
_APP = "{http://schemas.openxmlformats.org/officeDocument/2006/extended-properties}"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass(frozen=True)
class Paper:
    """What one file says about itself.

    Attributes:
        kind: ``docx``, ``xlsx``, ``pdf``, ``text`` or ``unknown``.
        properties: author, editor, company, manager, template, software; as written.
        created_at: when the document says it was made.
        revisions: Word's revision ids; ``file_ids``: PDF identifiers of creation.
        images: perceptual hashes, 16 hex digits each.
        unread: why something could not be read; empty when all was.
    """

    kind: str
    text: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    revisions: frozenset[str] = frozenset()
    file_ids: frozenset[str] = frozenset()
    images: tuple[str, ...] = ()
    unread: str = ""


class Unreadable(ValueError):
    """A file that is too large, packed too densely or not what it claims to be."""


def read_paper(name: str, data: bytes) -> Paper:
    """Everything a file says about itself; a file nobody can read comes back as ``unknown`` with the reason."""
    try:
        if len(data) > BYTES_MOST:
            raise Unreadable("too large")
        if data.startswith(b"%PDF-"):
            return _pdf(data)
        if data.startswith(b"PK\x03\x04"):
            return _office(data)
        if name.lower().endswith((".txt", ".csv", ".md", ".xml", ".json")) or _is_text(data):
            return Paper("text", text=decoded(data))
        return Paper("unknown", unread="of an unknown kind")
    except Exception as problem:  # a stranger's file may break any reader; the lead says what was not read
        return Paper("unknown", unread=f"{type(problem).__name__}: {str(problem)[:120]}")


def _is_text(data: bytes) -> bool:
    try:
        head = (
            data[:4096].decode("utf-8", "strict")
            if len(data) <= 4096
            else data[:4000].decode("utf-8", "ignore")
        )
    except UnicodeDecodeError:
        return False
    return "\0" not in head


def open_archive(data: bytes) -> zipfile.ZipFile:
    """An archive whose members are few, not dense and together bounded.

    Raises:
        Unreadable: a bomb, or too many members.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as problem:
        raise Unreadable("a broken archive") from problem
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if len(members) > MEMBERS_MOST or total > UNPACKED_MOST:
        raise Unreadable("archive too large")
    if any(m.file_size > 2**20 and m.file_size > RATIO_MOST * max(1, m.compress_size) for m in members):
        raise Unreadable("archive packed too densely")
    return archive


def _part(archive: zipfile.ZipFile, name: str) -> Any:
    """An XML part as an element, without entities; None when it is absent.

    Raises:
        Unreadable: larger than thirty megabytes. defusedxml's own errors for entities and the like.
    """
    from defusedxml import ElementTree

    try:
        if archive.getinfo(name).file_size > XML_MOST:
            raise Unreadable(f"{name} too large")
        return ElementTree.fromstring(archive.read(name), forbid_dtd=True)
    except KeyError:
        return None


def _office(data: bytes) -> Paper:
    with open_archive(data) as archive:
        names = set(archive.namelist())
        if "word/document.xml" in names:
            kind, text = "docx", "\n".join(_word_text(archive, names))
        elif "xl/workbook.xml" in names:
            kind, text = "xlsx", _sheet_text(archive)
        else:
            return Paper("unknown", unread="an archive of another kind")
        properties, created = _properties(archive)
        return Paper(
            kind,
            text=text,
            properties=properties,
            created_at=created,
            revisions=_revisions(archive) if kind == "docx" else frozenset(),
            images=tuple(_archive_images(archive)),
        )


def _word_text(archive: zipfile.ZipFile, names: set[str]) -> Iterator[str]:
    wanted = [
        n for n in sorted(names) if re.fullmatch(r"word/(document|header\d*|footer\d*|footnotes)\.xml", n)
    ]
    for name in wanted:
        root = _part(archive, name)
        for paragraph in root.iter(f"{_W}p"):
            line = "".join(run.text or "" for run in paragraph.iter(f"{_W}t"))
            if line:
                yield line


def _sheet_text(archive: zipfile.ZipFile) -> str:
    root = _part(archive, "xl/sharedStrings.xml")
    return "" if root is None else "\n".join(item.text or "" for item in root.iter(f"{_S}t"))


def _properties(archive: zipfile.ZipFile) -> tuple[dict[str, str], datetime | None]:
    found: dict[str, str] = {}
    created = None
    core = _part(archive, "docProps/core.xml")
    if core is not None:
        found["author"] = core.findtext(f"{_DC}creator") or ""
        found["editor"] = core.findtext(f"{_CORE}lastModifiedBy") or ""
        created = _w3c(core.findtext(f"{_TERMS}created") or "")
    app = _part(archive, "docProps/app.xml")
    if app is not None:
        for key, tag in (("company", "Company"), ("manager", "Manager"), ("template", "Template")):
            found[key] = app.findtext(f"{_APP}{tag}") or ""
        software = [app.findtext(f"{_APP}{tag}") or "" for tag in ("Application", "AppVersion")]
        found["software"] = " ".join(word for word in software if word)
    return {key: value.strip()[:200] for key, value in found.items() if value.strip()}, created


def _w3c(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _revisions(archive: zipfile.ZipFile) -> frozenset[str]:
    root = _part(archive, "word/settings.xml")
    if root is None:
        return frozenset()
    values = {one.get(f"{_W}val", "") for name in ("rsid", "rsidRoot") for one in root.iter(f"{_W}{name}")}
    return frozenset(value.upper() for value in values if value.strip("0"))


def _archive_images(archive: zipfile.ZipFile) -> Iterator[str]:
    pictures = [
        m
        for m in archive.infolist()
        if re.match(r"(word|xl)/media/.+\.(png|jpe?g|bmp|gif)$", m.filename, re.I)
    ]
    for member in pictures[:IMAGES_MOST]:
        if hash_ := picture_hash(archive.read(member)):
            yield hash_


def _pdf(data: bytes) -> Paper:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    try:
        said = document.get_metadata_dict(skip_empty=True)
        texts = []
        for number in range(min(len(document), PAGES_MOST)):
            page = document[number]
            content = page.get_textpage()
            texts.append(content.get_text_bounded())
            content.close()
            page.close()
        properties = {"author": said.get("Author", ""), "editor": ""}
        properties["software"] = " ".join(w for w in (said.get("Creator", ""), said.get("Producer", "")) if w)
        pages = len(document)
    finally:
        document.close()
    return Paper(
        "pdf",
        text="\n".join(texts),
        properties={key: value.strip()[:200] for key, value in properties.items() if value.strip()},
        created_at=_pdf_time(said.get("CreationDate", "")),
        file_ids=_pdf_ids(data),
        images=tuple(_pdf_images(data)),
        unread="" if pages <= PAGES_MOST else f"pages after {PAGES_MOST}",
    )


def _pdf_time(text: str) -> datetime | None:
    found = re.match(r"D:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:Z|([+-])(\d\d)'?(\d\d)?)?", text)
    if found is None:
        return None
    *parts, sign, hours, minutes = found.groups()
    shift = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        zone = timezone(-shift if sign == "-" else shift)
        year, month, day, hour, minute, second = map(int, parts)
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


_ID = re.compile(rb"/ID\s*\[\s*(?:<([0-9A-Fa-f\s]{16,64})>|\(((?:[^()\\]|\\.){8,64})\))")


def _pdf_ids(data: bytes) -> frozenset[str]:
    """First halves of the file identifiers in the trailers: they stay when a copy is edited and saved again."""
    found = set()
    for hexed, raw in _ID.findall(data):
        value = re.sub(rb"\s", b"", hexed).lower().decode() if hexed else raw.hex()
        if len(set(value)) > 2:
            found.add(value)
    return frozenset(found)


def _pdf_images(data: bytes) -> Iterator[str]:
    """Perceptual hashes of the pictures on the first pages; a broken picture is left out."""
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    seen = 0
    try:
        for page in reader.pages[:60]:
            for picture in page.images:
                seen += 1
                if seen > IMAGES_MOST:
                    return
                if hash_ := picture_hash(picture.data):
                    yield hash_
    except Exception:  # pictures of a damaged file; its text and properties were read before
        return


def picture_hash(data: bytes) -> str:
    """A difference hash of a picture (64 bits as hex), or empty for icons, plain areas and what is no picture.

    Source: rules §5.2 T-04.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            wide, high = picture.size
            if min(wide, high) < SIDE_LEAST or wide * high > PIXELS_MOST:
                return ""
            small = picture.convert("L").resize((9, 8), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return ""
    pixels = small.tobytes()
    rows = [pixels[9 * row : 9 * row + 9] for row in range(8)]
    bits = [row[i] > row[i + 1] for row in rows for i in range(8)]
    if max(pixels) - min(pixels) < 16 or not 8 <= sum(bits) <= 56:
        return ""
    return f"{sum(1 << place for place, bit in enumerate(bits) if bit):016x}"


def near_pictures(one: str, other: str) -> bool:
    """At most four of 64 bits differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count() <= NEAR_BITS


def document_traces(papers: Mapping[str, Sequence[Paper]], given: Sequence[Paper]) -> list[Indicator]:
    """M-01 equal properties or revision ids, M-02 equal software and time, D-05 one file identifier, T-04 equal pictures.

    Whatever the tender's own documents carry is taken away first: bidders fill in forms they were given.

    Args:
        papers: firm → the documents of its bid.
        given: the tender's documents.

    Source: rules §5.2.
    """
    found = []
    for one, other in combinations(sorted(papers), 2):
        pair = (one, other)
        same = _same_properties(papers[one], papers[other], given)
        common = _revision_set(papers[one]) & _revision_set(papers[other]) - _revision_set(given)
        if len(common) >= RSIDS_LEAST:
            same["revisions"] = f"{len(common)}: {', '.join(sorted(common)[:8])}"
        if same:
            found.append(Indicator("M-01", Light.ORANGE, Kind.METADATA, pair, {"same": same}))
        if twin := _made_together(papers[one], papers[other], given):
            found.append(Indicator("M-02", Light.YELLOW, Kind.METADATA, pair, twin))
        ids = _ids(papers[one]) & _ids(papers[other]) - _ids(given)
        if ids:
            found.append(
                Indicator("D-05", Light.RED, Kind.DEVICE, pair, {"part": "file", "ids": sorted(ids)[:8]})
            )
        pictures = sorted(_same_pictures(papers[one], papers[other], given))
        if pictures:
            facts = {"pictures": pictures[:8], "count": len(pictures)}
            found.append(Indicator("T-04", Light.ORANGE, Kind.TEXT, pair, facts))
    return found


def _same_properties(one: Sequence[Paper], other: Sequence[Paper], given: Sequence[Paper]) -> dict[str, str]:
    """Equal non-default properties. Author and editor are one set: who wrote there may edit here."""

    def values(papers: Iterable[Paper], keys: tuple[str, ...]) -> dict[str, str]:
        said = ((paper.properties.get(key, ""), key) for paper in papers for key in keys)
        return {plain: value for value, _ in said if (plain := authored(value))}

    same = {}
    for label, keys in (
        ("author", ("author", "editor", "manager")),
        ("company", ("company",)),
        ("template", ("template",)),
    ):
        mine, theirs, public = values(one, keys), values(other, keys), values(given, keys)
        equal = sorted(mine.keys() & theirs.keys() - public.keys())
        if equal:
            same[label] = "、".join(mine[plain] for plain in equal[:4])
    return same


def _revision_set(papers: Iterable[Paper]) -> frozenset[str]:
    return frozenset(value for paper in papers for value in paper.revisions)


def _ids(papers: Iterable[Paper]) -> frozenset[str]:
    return frozenset(value for paper in papers for value in paper.file_ids)


def _made_together(one: Sequence[Paper], other: Sequence[Paper], given: Sequence[Paper]) -> dict[str, Any]:
    """Documents by one program, made within a minute of each other and not copied from the tender."""
    public = {paper.created_at for paper in given}
    for mine in one:
        for theirs in other:
            if mine.created_at is None or theirs.created_at is None or mine.created_at in public:
                continue
            software = folded(mine.properties.get("software", ""))
            apart = abs(mine.created_at - theirs.created_at)
            if software and software == folded(theirs.properties.get("software", "")) and apart <= SAME_TIME:
                return {"software": mine.properties["software"], "seconds_apart": int(apart.total_seconds())}
    return {}


def _same_pictures(one: Sequence[Paper], other: Sequence[Paper], given: Sequence[Paper]) -> set[str]:
    public = [value for paper in given for value in paper.images]
    mine = {
        value for paper in one for value in paper.images if not any(near_pictures(value, p) for p in public)
    }
    theirs = [value for paper in other for value in paper.images]
    return {value for value in mine if any(near_pictures(value, twin) for twin in theirs)}


def fingerprint(value: str) -> str:
    """A short unkeyed mark of a value for evidence texts."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]
