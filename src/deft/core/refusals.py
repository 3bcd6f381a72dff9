"""Messages for values that pydantic refuses, such as ``lora.rank: expected int ≥ 1, got "a"``."""

from itertools import takewhile
from typing import Any

from pydantic import BaseModel

_EXPECTED = {
    "int_type": "int",
    "int_from_float": "int",
    "float_type": "number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a section of keys",
    "missing": "a value",
}
_BOUNDS = {
    "ge": "≥",
    "gt": ">",
    "le": "≤",
    "lt": "<",
    "min_length": "at least",
    "pattern": "matching",
    "expected": "one of",
}


def explain(fault: Any, model: type[BaseModel]) -> str:
    """Return the message of one validation error: the path, what was expected and what was found."""
    # Where a value may be of two types, pydantic appends the type that it tried, which is no part of the path.
    keys = takewhile(lambda part: "[" not in str(part), fault["loc"])
    path = ".".join(map(str, keys)) or "the file"
    if fault["type"] == "extra_forbidden":
        section = _model(model, fault["loc"][:-1]).model_fields
        return f"{path}: unknown key; known here: {', '.join(section)}"
    bounds = _bounds(model, fault["loc"])
    if fault["type"] in _EXPECTED:
        expected = " ".join([_EXPECTED[fault["type"]], bounds]).strip()
    else:
        context = fault.get("ctx", {})
        expected = bounds or " ".join(f"{_BOUNDS[key]} {value}" for key, value in context.items() if key in _BOUNDS)
    got = "nothing" if fault["type"] == "missing" else _shown(fault["input"])
    return f"{path}: expected {expected}, got {got}"


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _model(model: type[BaseModel], path: tuple[Any, ...]) -> type[BaseModel]:
    """Return the section that a path leads to."""
    for part in path:
        if part not in model.model_fields:
            break
        annotation = model.model_fields[part].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return model


def _bounds(model: type[BaseModel], path: tuple[Any, ...]) -> str:
    """Return the bounds of the key at a path, such as ``≥ 1 ≤ 99``; empty for a key without bounds."""
    fields = _model(model, path[:-1]).model_fields
    if not path or path[-1] not in fields:
        return ""
    phrases = []
    for rule in fields[path[-1]].metadata:
        for key, sign in _BOUNDS.items():
            bound = getattr(rule, key, None)
            if isinstance(bound, int | float):
                phrases.append(f"{sign} {bound}")
    return " ".join(phrases)
