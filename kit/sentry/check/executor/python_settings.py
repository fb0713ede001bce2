"""Executes Python settings that expect an image around them, with stand-ins for the packages of that image."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import os
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

# Packages of the images that settings may import; they are not installed here. Anything else that is missing is an error.
STOOD_IN = ("sentry", "snuba", "arroyo", "celery", "kombu", "django", "distutils", "sentry_sdk", "rest_framework")
SETTINGS = "<settings>"


def run(source: str, env: Mapping[str, str], modules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The names that the settings leave behind. Environment, modules and stdout are given back as they were."""
    found: dict[str, Any] = {"__name__": "settings", "__file__": SETTINGS, "__builtins__": __builtins__}
    with _environment(env), _stand_ins(modules), contextlib.redirect_stdout(sys.stderr):
        exec(compile(source, SETTINGS, "exec"), found)
    return found


@contextlib.contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _stand_ins(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in STOOD_IN}
    for name in hidden:
        del sys.modules[name]
    finder = _Finder(modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in STOOD_IN]:
            del sys.modules[name]
        sys.modules.update(hidden)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for the packages of the images: with the names given, and with something harmless for any other."""

    def __init__(self, modules: Mapping[str, Mapping[str, Any]]) -> None:
        self.modules = modules

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in STOOD_IN:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        vars(module).update(self.modules.get(spec.name, {}))
        vars(module)["__getattr__"] = _anything
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        return None


def _anything(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Anything()


class _Anything:
    """Stands for a class or function of an image: it can be called, walked (empty) and asked for more of its kind."""

    def __call__(self, *arguments: Any, **named: Any) -> _Anything:
        return self

    def __getattr__(self, name: str) -> Any:
        return _anything(name)

    def __iter__(self) -> Iterator[Any]:
        return iter(())
