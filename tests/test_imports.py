import ast
import subprocess
import sys
from pathlib import Path

import pytest

import svct

PACKAGE = Path(svct.__file__).parent
ORDER = ["geometry", "physics", "recon", "sampling", "tasks", "bench", "cli"]
ROOT_ABOVE_GEOMETRY = {"metrics", "testing"}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[1] for name in names if name.startswith("svct.")}


def allowed(part: str) -> set[str]:
    if part == "data":
        return {"data", "geometry"}
    rank = ORDER.index(part)
    below = set(ORDER[: rank + 1])
    # Whoever brings subjects or reads files may use the readers.
    return below | ({"data"} if part in ("tasks", "bench", "cli") else set())


@pytest.mark.parametrize("part", [*ORDER, "data"])
def test_imports_run_one_way(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py"))
    assert files
    for path in files:
        subfolders = imported(path) & {*ORDER, "data"}
        assert subfolders <= allowed(part), f"{path.relative_to(PACKAGE)} imports {subfolders - allowed(part)}"


@pytest.mark.parametrize("name", ["errors", "units", "registry", "files", "__init__"])
def test_root_modules_import_no_subject(name: str) -> None:
    assert not imported(PACKAGE / f"{name}.py") & {*ORDER, "data"}


@pytest.mark.parametrize("code", ["import svct", "from svct.cli.main import run; run(['--help'])"])
def test_light_imports(code: str) -> None:
    check = f"""{code}
import sys
heavy = {{"torch", "astra", "matplotlib", "scipy"}} & set(sys.modules)
assert not heavy, heavy"""
    result = subprocess.run([sys.executable, "-P", "-c", check], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
