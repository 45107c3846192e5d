"""One validated record from YAML, `--set key=value` and Python: one error that lists every problem, one help text.

A system's configuration is a frozen subclass of `Settings` whose fields are made by `setting(...)`:

    class Config(Settings):
        sales: Source = setting("demo:complete_journey", "Table of sales: file, folder, s3://... or demo:...")
        steps: int = setting(400, "Gradient steps: where the profit on the choose weeks stops rising.", low=1, stage="train")

`stage` says which stage reads a field first; changing it repeats that stage and the later ones, not the earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticUndefined

from ropewalk.errors import ConfigError, closest

Stage = Literal["data", "train", "evaluate", "serve"]
STAGES: tuple[Stage, ...] = get_args(Stage)


class _SourceMark:
    """Marks a field as an address of data: its contents are part of what the data stage depends on."""


Source = Annotated[str, _SourceMark()]


class Settings(BaseModel):
    """Base of every configuration: frozen, no unknown names, defaults checked too."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())


S = TypeVar("S", bound=Settings)


def setting(
    default: Any = PydanticUndefined,
    about: str = "",
    *,
    unit: str = "",
    stage: Stage = "data",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """A field with its reason, unit, bounds (`low`/`high` inclusive, `above`/`below` exclusive) and first stage."""
    return Field(
        default,
        description=about,
        ge=low,
        le=high,
        gt=above,
        lt=below,
        json_schema_extra={"unit": unit, "stage": stage},
    )


@dataclass(frozen=True, slots=True)
class Described:
    """One line of a configuration's help."""

    name: str
    type: str
    default: str
    unit: str
    about: str
    stage: str


def describe(model: type[Settings]) -> list[Described]:
    """Every setting in the order of the class, with its default, unit and reason."""
    return [_described(name, field) for name, field in model.model_fields.items()]


def _described(name: str, field: Any) -> Described:
    extra = field.json_schema_extra or {}
    default = "required" if field.is_required() else repr(field.get_default(call_default_factory=True))
    kind = getattr(field.annotation, "__name__", None) if not get_args(field.annotation) else None
    kind = kind or str(field.annotation).replace("typing.", "")
    return Described(name, kind, default, extra.get("unit", ""), field.description or "", extra.get("stage", "data"))


def load(
    model: type[S],
    *,
    base: S | None = None,
    file: str | Path | None = None,
    sets: Iterable[str] = (),
    values: Mapping[str, Any] | None = None,
    called: str = "the configuration",
) -> S:
    """`base`, then the YAML file, then Python values, then `key=value` strings; the last one wins. `called`: its name in errors.

    Raises ConfigError with one line a problem: unknown names with the nearest known one, wrong types and bounds with
    the value that was given.
    """
    merged: dict[str, Any] = base.model_dump() if base is not None else {}
    merged.update(_from_yaml(file) if file is not None else {})
    merged.update(values or {})
    for text in sets:
        key, value = _from_set(model, text)
        merged[key] = value
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_sentences(model, error), str(file) if file and not sets else called) from None


def _from_yaml(file: str | Path) -> dict[str, Any]:
    import yaml

    path = Path(file)
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError([f"there is no such file. It was looked for at {path.absolute()}"], str(file)) from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError([f"it can not be read as YAML: {' '.join(str(error).split())}"], str(file)) from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError([f"it must hold `name: value` lines, not a {type(loaded).__name__}"], str(file))
    return {str(k): v for k, v in loaded.items()}


def _from_set(model: type[Settings], text: str) -> tuple[str, Any]:
    import yaml

    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError([f"{text!r} has no '='. Write --set key=value"], "--set")
    field = model.model_fields.get(key)
    if field is not None and _takes_text(field.annotation) and raw not in ("null", ""):
        return key, raw
    try:
        return key, yaml.safe_load(raw)
    except yaml.YAMLError:
        return key, raw


def _takes_text(annotation: Any) -> bool:
    """Whether a string is what the field wants: `2024` is then a name, not a number. A list or mapping of strings is none."""
    if get_origin(annotation) in (dict, list, tuple, set):
        return False
    return annotation is str or any(_takes_text(a) for a in get_args(annotation) if a is not type(None))


def _sentences(model: type[Settings], error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        name = ".".join(str(p) for p in problem["loc"]) or "the record"
        if problem["type"] == "extra_forbidden":
            close = closest(name, model.model_fields)
            hint = f"Did you mean {close!r}?" if close else f"There is: {', '.join(model.model_fields)}."
            yield f"there is no setting {name!r}. {hint}"
        elif problem["type"] == "missing":
            yield f"{name} is required and was not given. {_about(model, name)}"
        else:
            reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            given = "" if problem["type"] == "value_error" else f" (given: {problem['input']!r})"
            verb = "" if problem["type"] == "value_error" else "must be "
            yield f"{name}: {verb}{reason}{given}. {_about(model, name)}".rstrip()


def _about(model: type[Settings], name: str) -> str:
    field = model.model_fields.get(name.split(".")[0])
    return (field.description or "") if field is not None else ""


def sources(config: Settings) -> dict[str, str]:
    """field -> address, for every field marked `Source` that is not empty."""
    found = {}
    for name, field in type(config).model_fields.items():
        # Pydantic unpacks Annotated at the top level into metadata and leaves it alone inside a union.
        inside = [m for a in get_args(field.annotation) for m in getattr(a, "__metadata__", ())]
        if any(isinstance(m, _SourceMark) for m in [*field.metadata, *inside]) and getattr(config, name):
            found[name] = str(getattr(config, name))
    return found


def part(config: Settings, stage: Stage) -> dict[str, Any]:
    """The settings that `stage` or an earlier one reads, as JSON types: what a stage's result depends on."""
    last = STAGES.index(stage)
    dumped = config.model_dump(mode="json")
    read = {}
    for name, field in type(config).model_fields.items():
        extra = field.json_schema_extra
        first = extra.get("stage", "data") if isinstance(extra, dict) else "data"
        if STAGES.index(first) <= last:
            read[name] = dumped[name]
    return read
