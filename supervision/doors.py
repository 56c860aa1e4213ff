"""The room's one blueprint; the view modules hang their doors on it."""

from __future__ import annotations

from flask import Blueprint

views = Blueprint("supervision", __name__)
