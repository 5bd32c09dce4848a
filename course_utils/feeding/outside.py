"""What a function reaches outside of itself: what stays when its call is over."""

from __future__ import annotations

import dis
import functools
import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from numbers import Number
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any

from course_utils.feeding.values import described

METHOD_WRAPPER = type([].__iter__)
READ_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
SEARCHED = 100  # elements of a container
IMPLIED = {"__call__", "__iter__", "__next__", "__getitem__", "__len__"}  # called without a name


def kept_outside(make: Callable) -> dict[str, Any]:
    """What `make` can reach beside what it makes itself: how it is called there, and its value."""
    search = _Search(_module(make))
    search.look("the function", make, whole=True)
    while search.again():
        pass
    return search.found


def keeps_its_place(value: Any) -> str:
    """What it is, where it goes on from where it was left; "" for all else."""
    if isinstance(value, (type, ModuleType)):
        return ""
    if isinstance(value, io.IOBase):
        return "an open file" if not value.closed and value.readable() else ""
    if isinstance(value, GeneratorType):
        return "a generator"
    if isinstance(value, Iterator):
        return f"an iterator ({type(value).__name__})"
    if callable(getattr(type(value), "recv", None)) and hasattr(value, "poll"):
        return "a connection"
    if callable(getattr(type(value), "put", None)) and callable(getattr(value, "get", None)):
        return "a queue" if _wants_nothing(value.get) else ""  # unlike a cache's, or the web's
    return ""


def _wants_nothing(function: Callable) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    except ValueError:  # written in C, and doesn't tell
        pass
    return True


class _Search:
    """Follows names: from code to globals and closures, from objects to attributes and methods."""

    def __init__(self, module: str | None) -> None:
        self.module = module
        self.found: dict[str, Any] = {}
        self.names = set(IMPLIED)  # all that the code mentions: attributes among them
        self.objects: dict[int, tuple[str, Any, bool]] = {}
        self.seen: set[int] = set()

    def again(self) -> bool:
        """Look for the attributes that the code mentions; True if that brought something new."""
        before = self.size()
        for label, thing, whole in list(self.objects.values()):
            attributes = _attributes(thing)
            names = attributes if whole else self.names & attributes.keys()
            for name in sorted(names):
                self.reach(f"`{label}.{name}`", attributes[name])
            for kind in type(thing).__mro__:
                if kind.__module__ == self.module:
                    self.methods(label, kind)
        return self.size() != before

    def size(self) -> tuple[int, ...]:
        return tuple(map(len, (self.found, self.names, self.objects, self.seen)))

    def methods(self, label: str, kind: type) -> None:
        for name in sorted(self.names & vars(kind).keys()):
            value = _unwrapped(vars(kind)[name])
            if isinstance(value, FunctionType):
                self.function(value)
            else:
                self.reach(f"`{label}.{name}`", value)

    def reach(self, label: str, value: Any, near: bool = False) -> None:
        """Something was found outside. `near`: look into it even if it is of another module."""
        label = label if label.startswith("`") else f"`{label}`" if label.isidentifier() else label
        while label in self.found:  # such as a closure's name that is a global's too
            if self.found[label] is value:
                return
            label += " (another)"
        self.found[label] = value
        if isinstance(value, (list, tuple, set, dict)):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in islice(items, SEARCHED):
                # A number in a dict is a place that is kept; in a list, the list's content.
                if keeps_its_place(item) or (isinstance(value, dict) and isinstance(item, Number)):
                    self.found[f"`{label.strip('`')}[{described(key)}]`"] = item
        elif not keeps_its_place(value):
            self.look(label, value, near=near)

    def look(self, label: str, value: Any, whole: bool = False, near: bool = False) -> None:
        name = label.strip("`")
        if isinstance(value, FunctionType):
            if whole or near or value.__module__ == self.module:
                self.function(value)
        elif isinstance(value, functools.partial):
            for number, argument in enumerate(value.args, 1):
                self.reach(f"argument {number} of the partial", argument, near=True)
            for key, argument in value.keywords.items():
                self.reach(f"the partial's argument `{key}`", argument, near=True)
            self.look(label, value.func, whole=whole, near=near)
        elif isinstance(value, MethodType):
            self.look(label, value.__func__, whole=whole, near=near)
            self.look("self", value.__self__)
        elif isinstance(value, (BuiltinMethodType, METHOD_WRAPPER)):
            owner = value.__self__
            if owner is not None and not isinstance(owner, (ModuleType, type)):
                self.reach(f"what `{value.__name__}` belongs to", owner)
        elif isinstance(value, type):
            if whole or value.__module__ == self.module:
                self.objects.setdefault(id(value), (value.__name__, value, True))
                for attribute in map(_unwrapped, vars(value).values()):
                    if isinstance(attribute, FunctionType):
                        self.function(attribute)
        elif hasattr(value, "__dict__") or hasattr(type(value), "__slots__"):
            self.objects.setdefault(id(value), ("self" if whole else name, value, whole))

    def function(self, function: FunctionType) -> None:
        if id(function) in self.seen:
            return
        self.seen.add(id(function))
        read, names = _names(function.__code__)
        self.names |= names
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            try:
                self.reach(name, cell.cell_contents, near=True)
            except ValueError:  # not filled yet
                continue
        for name in sorted(read & function.__globals__.keys()):
            self.reach(name, function.__globals__[name])
        arguments = inspect.signature(function, follow_wrapped=False).parameters.values()
        for argument in arguments:
            if argument.default is not argument.empty:
                self.reach(f"the default of `{argument.name}`", argument.default, near=True)


def _names(code: CodeType) -> tuple[set[str], set[str]]:
    """The globals that code reads, and all names in it; what is nested in it included."""
    instructions = dis.get_instructions(code)
    read = {one.argval for one in instructions if one.opname in READ_GLOBAL}
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner_read, inner_names = _names(constant)
            read |= inner_read
            names |= inner_names
    return read, names


def _unwrapped(attribute: Any) -> Any:
    """The function of a property, a static or a class method."""
    return getattr(attribute, "fget", None) or getattr(attribute, "__func__", attribute)


def _attributes(thing: Any) -> Mapping[str, Any]:
    if isinstance(thing, (ModuleType, type)):
        return vars(thing)
    attributes = dict(getattr(thing, "__dict__", {}))
    for kind in type(thing).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(thing, name):
                attributes[name] = getattr(thing, name)
    return attributes


def _module(make: Any) -> str | None:
    while isinstance(make, functools.partial):
        make = make.func
    if isinstance(make, (FunctionType, MethodType, type)):
        return make.__module__
    return type(make).__module__
