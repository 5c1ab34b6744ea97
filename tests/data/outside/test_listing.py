import json

import pytest

from svct.cli.main import run
from svct.data import outside
from svct.data.outside import OUTSIDE


def test_the_listing_names_readers_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "outside"]) == 0
    text = capsys.readouterr().out
    for found in OUTSIDE.values():
        assert found.name in text
        assert found.citation in text
        assert hasattr(outside, found.reader.split("(")[0].removeprefix("svct.data.outside."))
    assert run(["data", "outside", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(OUTSIDE)
