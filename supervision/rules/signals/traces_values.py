"""Cleaning of traces before they are compared: defaults, shared networks and placeholders say nothing.

Everything here runs before hashing, because a hash of "0000" looks as unique as any other.

Source: rules §5.2 (D-02 virtual adapters, D-06 carrier NAT, M-01 non-default values, P-01 normalisation).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

PLACEHOLDERS = frozenset(
    {
        "",
        "none",
        "null",
        "n/a",
        "na",
        "unknown",
        "default",
        "default string",
        "to be filled by o.e.m.",
        "system serial number",
        "not specified",
        "not applicable",
        "invalid",
    }
)
VIRTUAL_MACS = (
    "000569",
    "000c29",
    "001c14",
    "005056",
    "080027",
    "00155d",
    "0242",
    "525400",
    "00163e",
    "001c42",
)
"""First digits of network cards that exist in software only."""

DEFAULT_AUTHORS = frozenset(
    {
        "administrator", "admin", "adminstrator", "user", "users", "windows user", "windows 用户", "windows用户",
        "微软用户", "microsoft office user", "microsoft", "pc", "my pc", "lenovo", "dell", "hp", "hewlett-packard",
        "apple", "asus", "acer", "thinkpad", "huawei", "xiaomi", "author", "作者", "python-docx", "openpyxl", "用户",
        "wps", "wps office", "office", "office user", "anonymous", "匿名用户", "un-named", "unknown creator",
        "normal.dotm", "normal.dot", "normal.wpt", "normal", "template", "china", "微软中国", "雨林木风", "番茄花园",
        "深度技术", "系统之家", "ylmf", "deepin", "guest", "test", "owner", "root", "deeplm", "sky123.org", "company",
        "microsoft china", "(unspecified)", "anonymous author", "reportlab pdf library - www.reportlab.com",
    }
)  # fmt: skip


def folded(text: str) -> str:
    """Full-width forms narrowed, case folded, blanks joined."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def hardware(kind: str, value: str) -> str:
    """A hardware serial worth comparing, or empty: placeholders, repeated digits and virtual network cards go.

    Args:
        kind: ``mac``, ``disk``, ``board``, ``cpu`` or ``machine``.
    """
    plain = folded(value)
    if plain in PLACEHOLDERS:
        return ""
    short = re.sub(r"[^0-9a-z]", "", plain)
    if len(short) < 4 or len(set(short)) <= 2 or short in "0123456789abcdef" * 2:
        return ""
    if kind == "mac" and not _real_card(short):
        return ""
    return short


def _real_card(digits: str) -> bool:
    """Twelve hexadecimal digits, not of a virtual card and not made up locally (second lowest bit set)."""
    if not re.fullmatch(r"[0-9a-f]{12}", digits) or digits.startswith(VIRTUAL_MACS):
        return False
    return not int(digits[1], 16) & 2


def public_address(address: str) -> str:
    """An internet address that can point to one place: not private, carrier-shared, loopback or reserved."""
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(found) if found.is_global and not found.is_multicast else ""


def network_of(address: str) -> str:
    """The /24 of an address (/48 of IPv6), or empty when the address is not public."""
    public = public_address(address)
    if not public:
        return ""
    found = ipaddress.ip_address(public)
    return str(ipaddress.ip_network((public, 24 if found.version == 4 else 48), strict=False))


def authored(value: str) -> str:
    """An author, company or template worth comparing, or empty for defaults of programs and shops."""
    plain = folded(value)
    if plain in DEFAULT_AUTHORS or plain in PLACEHOLDERS or len(plain) < 2 or not re.search(r"\w", plain):
        return ""
    if re.fullmatch(r"(pc|desktop|laptop|user|admin|lenovo|dell|hp)[-_ ]?\d{0,4}", plain):
        return ""
    return plain


def phone(value: str) -> str:
    """Digits of a telephone number without country code and leading zero; empty when too short to mean anybody."""
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", value))
    if digits.startswith("86") and len(digits) > 11:
        digits = digits[2:]
    digits = digits.lstrip("0")
    return digits if len(digits) >= 7 and len(set(digits)) > 2 else ""


def email(value: str) -> str:
    """An address in lower case without a ``+suffix``; empty when it is none."""
    plain = folded(value)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", plain):
        return ""
    name, _, host = plain.partition("@")
    return f"{name.partition('+')[0]}@{host}"


def id_number(value: str) -> str:
    """A resident identity number with a sound last digit, or empty."""
    plain = unicodedata.normalize("NFKC", value).strip().upper()
    if not re.fullmatch(r"\d{17}[\dX]", plain):
        return ""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(int(d) * w for d, w in zip(plain, weights, strict=False)) % 11]
    return plain if check == plain[-1] else ""
