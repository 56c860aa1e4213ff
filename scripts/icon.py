"""Print one icon file as a single line that can stand inline in a page."""

import re
import sys
from pathlib import Path

FRAME = (
    '<svg class="sr-icon" width="16" height="16" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
    'stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
)


def inline(source: str) -> str:
    """The same drawing in our frame, without the invisible square that spaces the original."""
    drawing = re.search(r"<svg[^>]*>(.*)</svg>", source, re.DOTALL)
    if drawing is None:
        raise SystemExit("not an SVG drawing")
    shapes = re.sub(r'<path stroke="none" d="M0 0h24v24H0z"[^>]*/>', "", drawing[1])
    return FRAME + re.sub(r"\s+", " ", shapes).replace("> <", "><").replace(" />", "/>").strip() + "</svg>\n"


if __name__ == "__main__":
    sys.stdout.write(inline(Path(sys.argv[1]).read_text(encoding="utf-8")))
