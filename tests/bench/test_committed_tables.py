"""Tables in the README and the docs are those of the committed figures."""

import re
from pathlib import Path

import pytest

from svct.bench.suite_table import tables_of

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"<!-- svct bench table (\S+) --kind (\w+)((?: --views \d+)*) -->\n\n((?:\|.*\n)+)")


@pytest.mark.parametrize("page", ["README.md", "docs/sampling.md", "docs/standard.md"])
def test_tables_are_those_of_the_committed_figures(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = TABLE.findall(text)
    assert len(found) == text.count("<!-- svct bench table") > 0
    made = {source: tables_of(ROOT / source) for source in {one[0] for one in found}}
    for source, kind, views, table in found:
        assert made[source].table(kind, [int(v) for v in re.findall(r"\d+", views)]) == table, kind
