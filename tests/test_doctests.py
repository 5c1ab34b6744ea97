import ast
import doctest
import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import svct
from svct.errors import BackendUnavailable
from svct.geometry.wrap.require import require

PACKAGE = Path(svct.__file__).parent
OPTIONAL = {"svct.geometry.wrap.deepinv": "deepinv", "svct.geometry.wrap.pylops": "pylops"}


def examples() -> Iterator[doctest.DocTest]:
    """Every docstring with an example, read from the source: doctest's own finder passes over wrapped functions."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(("svct", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            name = module if isinstance(node, ast.Module) else f"{module}:{node.name}"
            text = ast.get_docstring(node, clean=False) or ""
            line = node.body[0].lineno - 1 if text else 0
            test = doctest.DocTestParser().get_doctest(text, {}, name, str(path), line)
            if test.examples:
                yield test


EXAMPLES = list(examples())


def test_there_are_examples() -> None:
    assert len({test.name.partition(":")[0] for test in EXAMPLES}) > 25


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_example(example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example.name.partition(":")[0]
    if module in OPTIONAL:
        try:
            require(OPTIONAL[module], "pip")
        except BackendUnavailable as error:
            pytest.skip(str(error))
    monkeypatch.setenv("SVCT_CACHE", str(tmp_path))  # whatever was fetched before
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    example.globs = vars(importlib.import_module(module)).copy()
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert result.failed == 0, "".join(report)
