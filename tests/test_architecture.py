"""The house rules that no linter knows: sizes, names, a test for every module, a sentence for every name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "vectune"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES = [path for path in SOURCES if path.name not in ("__init__.py", "__main__.py")]
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MOST_LINES = 400
MOST_FUNCTION_LINES = 60
MOST_PARAMETERS = 7
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff", "base", "core", "manager"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _lines(function: Function) -> int:
    """Lines of a function from `def` to its end, its docstring not counted."""
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    spoken = docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - spoken


def _parameters(function: Function) -> int:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in named)


def _is_command(path: Path, function: Function) -> bool:
    """Whether the function is a subcommand: its parameters are the command's options."""
    return path.parent == PACKAGE / "cli" and function.name == "command"


@cache
def _imported_by_tests() -> frozenset[str]:
    """Every dotted name that a test module imports."""
    names: set[str] = set()
    for path in TESTS:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def test_there_is_something_to_look_at() -> None:
    """The package is found, so that none of the tests below passes over nothing."""
    assert len(MODULES) > 100
    assert PACKAGE / "workflows" / "tune.py" in MODULES
    assert len(list(_functions(PACKAGE / "workflows" / "tune.py"))) > 5


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=_name)
def test_file_is_short(path: Path) -> None:
    """No file is over 400 lines: it would hold more than one concept."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_functions_are_short_and_take_little(path: Path) -> None:
    """No function is over 60 lines or takes more than 7 parameters; a subcommand's parameters are its options."""
    functions = [function for function in _functions(path) if not _is_command(path, function)]
    assert [function.name for function in functions if _lines(function) > MOST_FUNCTION_LINES] == []
    assert [function.name for function in functions if _parameters(function) > MOST_PARAMETERS] == []


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_module_is_named_after_a_concept(path: Path) -> None:
    """No module or folder is called utils, helpers, common or the like."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    assert not VAGUE & set(parts)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_has_a_test(path: Path) -> None:
    """Each module has tests/unit/PACKAGE/test_MODULE.py, or a test that imports it by its name."""
    place = path.relative_to(PACKAGE)
    mirror = ROOT / "tests" / "unit" / place.parent / f"test_{place.name}"
    dotted = ".".join(("vectune", *place.with_suffix("").parts))
    assert mirror.is_file() or dotted in _imported_by_tests()


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_public_names_are_explained(path: Path) -> None:
    """Each module, public class and public function or method says in a sentence what it is."""
    assert path.stat().st_size == 0 or ast.get_docstring(_tree(path))
    unexplained = []
    for owner in (_tree(path), *(node for node in _tree(path).body if isinstance(node, ast.ClassDef))):
        if isinstance(owner, ast.ClassDef) and owner.name.startswith("_"):
            continue
        for node in owner.body:
            named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
                unexplained.append(node.name)
    assert unexplained == []


@pytest.mark.parametrize("path", [path for path in TESTS if path.name.startswith("test_")], ids=_name)
def test_each_test_says_what_it_proves(path: Path) -> None:
    """Each test has a sentence, and something in it that can fail."""
    tests = [function for function in _functions(path) if function.name.startswith("test_")]
    checks = {function.name for function in _functions(path) if _asserts(function)}
    assert tests
    for test in tests:
        assert (ast.get_docstring(test) or "").strip(), test.name
        called = {ast.unparse(node.func) for node in ast.walk(test) if isinstance(node, ast.Call)}
        assert _asserts(test) or called & checks, test.name


def _asserts(function: Function) -> bool:
    """Whether the function has an assert, a `with pytest.raises(...)` or a call of an `assert_...` function."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call) and {"raises", "warns", "assert"} & set(_words(node.func)):
            return True
    return False


def _words(called: ast.expr) -> list[str]:
    return ast.unparse(called).replace("_", ".").split(".")


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES}), ids=_name)
def test_folder_is_a_package_that_says_what_it_is(folder: Path) -> None:
    """Each folder of code has an __init__.py with a sentence about it."""
    assert ast.get_docstring(_tree(folder / "__init__.py"))
