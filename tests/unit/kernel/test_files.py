"""Names of files in headers."""

import pytest
from werkzeug.http import parse_options_header

from kernel.web.files import disposition


@pytest.mark.parametrize("name", ["plain.pdf", "招标文件.pdf", 'a"b\\c;d%e.pdf', "line\r\nbreak.pdf", ""])
def test_a_name_travels_in_ascii_and_comes_back_whole(name: str) -> None:
    header = disposition(name)

    header.encode("latin-1")
    assert "\n" not in header
    kind, options = parse_options_header(header)
    assert (kind, options["filename"]) == ("attachment", name)
