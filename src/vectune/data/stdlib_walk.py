"""The public objects of the running interpreter's standard library and their docstrings."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

# Importing these prints, opens a browser or a window, changes the terminal, or needs what many machines lack; the rest
# are test suites and programs, not libraries.
_NEVER = frozenset(
    {"antigravity", "this", "test", "idlelib", "tkinter", "turtle", "turtledemo", "readline", "rlcompleter", "lib2to3"}
    | {"distutils", "ensurepip", "encodings", "pydoc_data", "nt", "xxlimited", "xxlimited_35", "xxsubtype"}
)
_NEVER_INSIDE = frozenset({"test", "tests", "idle_test", "macholib"})
_LONGEST_SIGNATURE = 300


@dataclass(frozen=True, slots=True)
class Documented:
    """A module, class, function or attribute: its public name, its call signature or "", and its own docstring."""

    name: str
    signature: str
    doc: str


@dataclass
class Walk:
    """What a walk met besides docstrings: modules imported, modules that would not import, warnings kept quiet."""

    imported: int = 0
    failed: list[str] = field(default_factory=list)
    warnings: int = 0


def documented_objects(walk: Walk) -> Iterator[Documented]:
    """Every public module, class, function, method and property that has a docstring of its own, in order of names.

    An object that is reachable under several names comes once, under the first. Counts go to `walk`.
    """
    seen: set[int] = set()
    for name in _module_names():
        module = _import_quietly(name, walk)
        if module is not None:
            yield from _documented_in(module, seen)


def _module_names() -> Iterator[str]:
    for top in sorted(sys.stdlib_module_names):
        if top.startswith("_") or top in _NEVER:
            continue
        yield top
        spec = importlib.util.find_spec(top)
        if spec is not None and spec.submodule_search_locations:
            yield from _submodule_names(top, list(spec.submodule_search_locations))


def _submodule_names(package: str, folders: list[str]) -> Iterator[str]:
    """Names below a package, found without importing it."""
    for info in sorted(pkgutil.iter_modules(folders), key=lambda info: info.name):
        if info.name.startswith("_") or info.name in _NEVER_INSIDE:
            continue
        name = f"{package}.{info.name}"
        yield name
        if info.ispkg:
            yield from _submodule_names(name, [f"{folder}/{info.name}" for folder in folders])


def _import_quietly(name: str, walk: Walk) -> ModuleType | None:
    """The module, or None where this platform lacks it; deprecation warnings are counted, not shown."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        warnings.simplefilter("always", PendingDeprecationWarning)
        try:
            module = importlib.import_module(name)
        except ImportError:
            walk.failed.append(name)
            return None
    walk.imported += 1
    walk.warnings += len(caught)
    return module


def _documented_in(module: ModuleType, seen: set[int]) -> Iterator[Documented]:
    if isinstance(module.__doc__, str) and module.__doc__.strip():
        yield Documented(module.__name__, "", inspect.cleandoc(module.__doc__))
    for name, value in _public_members(module):
        if id(value) in seen or not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        seen.add(id(value))
        public = name if module.__name__ == "builtins" else f"{module.__name__}.{name}"
        yield from _describe(public, value)
        if inspect.isclass(value):
            yield from _methods(public, value, seen)


def _methods(public: str, owner: type, seen: set[int]) -> Iterator[Documented]:
    for name, value in sorted(vars(owner).items()):
        function = getattr(value, "__func__", value)
        if name.startswith("_") or id(function) in seen:
            continue
        if inspect.isroutine(function) or isinstance(value, property) or inspect.isdatadescriptor(value):
            seen.add(id(function))
            yield from _describe(f"{public}.{name}", function)


def _public_members(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Names in `__all__`, or without one the names that the module itself defines; never triggers a lazy attribute."""
    names = vars(module)
    listed = names.get("__all__")
    if isinstance(listed, list | tuple):
        yield from ((name, names[name]) for name in sorted(set(listed)) if name in names)
        return
    home = module.__name__
    for name, value in sorted(names.items()):
        if not name.startswith("_") and getattr(value, "__module__", None) in (home, f"_{home}"):
            yield name, value


def _describe(name: str, value: object) -> Iterator[Documented]:
    doc = getattr(value, "__doc__", None)
    if isinstance(doc, str) and doc.strip() and _is_stdlib(value):
        yield Documented(name, _signature(value), inspect.cleandoc(doc))


def _is_stdlib(value: object) -> bool:
    """False for what other libraries patched into the standard library's classes."""
    home = getattr(value, "__module__", None)
    return not isinstance(home, str) or home.partition(".")[0] in sys.stdlib_module_names


def _signature(value: object) -> str:
    """`(a, b=1)` as `inspect` tells it; "" where it can't be told or is absurdly long."""
    if not callable(value):
        return ""
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError, NameError, AttributeError):
        # The last two: a default value that names something which exists only once curses has a screen.
        return ""
    parameters = [_without_state(parameter) for parameter in signature.parameters.values()]
    text = str(signature.replace(parameters=parameters))
    return text if len(text) <= _LONGEST_SIGNATURE else ""


def _without_state(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter, its default shown as `...` where that would tell of this machine or of what ran before."""
    return parameter.replace(default=_Dots()) if _tells_state(parameter.default) else parameter


def _tells_state(default: object) -> bool:
    if default is inspect.Parameter.empty:
        return False
    is_path = isinstance(default, str) and len(default) > 1 and default.startswith(os.sep)
    return is_path or isinstance(default, list | dict | set) or "<" in repr(default)


class _Dots:
    def __repr__(self) -> str:
        return "..."
