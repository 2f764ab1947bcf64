"""What a vendor's Compose file says that a replica may have; the rest is named, with its mend.

Compose has several ways to write the same thing. They are rewritten into the one that ClinOps
reads; then whatever the environment's own rules refuse is left out, key by key.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from clinops.domain.environment import PACKAGE_IMAGE, Environment
from clinops.domain.fault import Place
from clinops.domain.parsing import line_of
from clinops.domain.sighting import ImageFacts
from clinops.domain.wording import Wording
from clinops.domain.yaml_text import YamlText, read_yaml, stop
from clinops.errors import BadInputError, Problem

_ROUNDS: Final = 20
_OURS: Final = frozenset({"name", "services", "volumes", "x-clinops"})
_DEEPEST_KEPT: Final = 2
"""Services and volumes as a whole stay: without one of them it would be another system."""


@dataclass(frozen=True)
class Draft:
    """A Compose document that can be stood up, without doors yet."""

    data: dict[str, Any]
    under_test: str
    left_out: tuple[Problem, ...] = ()

    @property
    def environment(self) -> Environment:
        """The document, parsed."""
        return Environment.model_validate_json(json.dumps(self.data))


def draft_of_image(product: str, facts: ImageFacts) -> Draft:
    """Draft the environment of a single image, from what the image says about itself."""
    service: dict[str, Any] = {"image": PACKAGE_IMAGE}
    if facts.healthcheck and all(map(_is_plain, facts.healthcheck)):
        service["healthcheck"] = {"test": [word.replace("$", "$$") for word in facts.healthcheck]}
    plain = [path for path in facts.volumes if path.isprintable()]
    volumes = {_volume_name(position): path for position, path in enumerate(plain)}
    service["volumes"] = [f"{name}:{path}" for name, path in volumes.items()]
    data = _framed(product, {product: service}, dict.fromkeys(volumes), product)
    return _pruned("the image", YamlText(data=data), product)


def _is_plain(text: str) -> bool:
    """Whether the reader of an estate takes it: no control character but the harmless ones."""
    return text.replace("\n", "").replace("\t", "").isprintable()


def _volume_name(position: int) -> str:
    return f"data-{position + 1}" if position else "data"


def draft_of_compose(product: str, file: str, content: bytes, service: str | None) -> Draft:
    """Draft the environment of a Compose file.

    Args:
        product: What the environment is for.
        file: How the file is called in problems.
        content: Its bytes.
        service: The service that the release replaces; needed where nothing tells.

    Raises:
        BadInputError: Without what must be left out there is no system left to stand up.
    """
    text = read_yaml(file, content)
    services = text.data.get("services") if isinstance(text.data, dict) else None
    if not isinstance(services, dict) or not services:
        mend = "give the vendor's compose.yaml, or an image with --image"
        raise stop(file, 1, "the file has no `services:`", mend)
    under_test = _under_test(product, file, list(services), service)
    written = {
        name: _rewritten(one) if isinstance(one, dict) else one for name, one in services.items()
    }
    for name, one in written.items():
        if isinstance(one, dict) and isinstance(one.get("image"), str):
            # Compose builds it and calls it so: what the engine has by that name is what counts.
            one.pop("build", None)
            one["image"] = PACKAGE_IMAGE if name == under_test else one["image"]
    volumes = text.data.get("volumes")
    named = volumes or {}
    if isinstance(volumes, dict):
        named = {_hyphenated(name): kept for name, kept in volumes.items()}
    rest = {key: value for key, value in text.data.items() if key not in _OURS}
    data = {**_framed(product, written, named, under_test), **rest}
    draft = _pruned(file, replace(text, data=data), under_test)
    return replace(draft, left_out=tuple(sorted({*draft.left_out, *text.problems})))


def images_of(file: str, content: bytes) -> dict[str, str]:
    """Return which image each service of a Compose file names."""
    text = read_yaml(file, content)
    services = text.data.get("services") if isinstance(text.data, dict) else None
    found = services.items() if isinstance(services, dict) else ()
    return {
        name: one["image"]
        for name, one in found
        if isinstance(one, dict) and isinstance(one.get("image"), str)
    }


def pinned(draft: Draft, file: str, facts: Mapping[str, ImageFacts]) -> Draft:
    """Pin the images around the service under test to what the engine holds.

    Raises:
        BadInputError: One of them is on this machine only, where nothing can pin it.
    """
    data, problems = deepcopy(draft.data), []
    for name, one in facts.items():
        if name == draft.under_test:
            continue
        if one.pinned is None:
            what = f"the image of {name} came from no registry, so that no digest can pin it"
            problems.append(Problem(file, 1, what, "push it to the registry of the trust"))
        data["services"][name]["image"] = one.pinned
    if problems:
        raise BadInputError("", problems=problems)
    return replace(draft, data=data)


def _under_test(product: str, file: str, services: list[str], wanted: str | None) -> str:
    if wanted is None and len(services) == 1:
        return services[0]
    name = wanted or product
    if name not in services:
        known = ", ".join(sorted(services))
        raise stop(
            file, 1, f"which service does a release replace? There are {known}", "add --service"
        )
    return name


def _framed(
    product: str, services: Mapping[str, Any], volumes: Any, under_test: str
) -> dict[str, Any]:
    return {
        "name": product,
        "services": dict(services),
        "volumes": volumes,
        "x-clinops": {"under_test": under_test, "endpoints": {}},
    }


def _pruned(file: str, text: YamlText, under_test: str) -> Draft:
    """Take out what the rules of environments refuse, until they refuse nothing any more."""
    left_out: set[Problem] = set()
    # An image of a neighbour is pinned later: to the rules it shall look so from the start.
    text = replace(text, data=_with_digests(text.data))
    for _ in range(_ROUNDS):
        try:
            environment = Environment.model_validate_json(json.dumps(text.data))
        except ValidationError as error:
            wording = Wording(Environment, text)
            found = [x for one in error.errors(include_url=False) for x in wording.of(one)]
            left_out |= {Problem(file, line_of(text, at), what, mend) for at, what, mend in found}
            places = {at for at, _, _ in found}
            if not all(map(_can_go, places)):
                raise BadInputError("", problems=sorted(left_out)) from None
            # From the last to the first: the places of a list's earlier items stay true.
            for place in sorted(places, key=_in_order, reverse=True):
                _take_out(text.data, place)
            continue
        return Draft(_tidy(text.data, environment), under_test, tuple(sorted(left_out)))
    raise BadInputError("", problems=sorted(left_out))


def _in_order(place: Place) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in place]


def _can_go(place: Place) -> bool:
    return len(place) > _DEEPEST_KEPT or bool(place and place[0] not in _OURS)


def _take_out(document: dict[str, Any], place: Place) -> None:
    *way, last = place
    around: Any = document
    try:
        for step in way:
            around = around[step]
        del around[last]
    except (KeyError, IndexError, TypeError):
        return  # gone already, with what was around it


def _tidy(data: dict[str, Any], environment: Environment) -> dict[str, Any]:
    """Leave out what says nothing: empty lists, and volumes that nothing mounts any more."""
    mounted = {name for one in environment.services.values() for name in one.mounts.values()}
    services = {
        name: {key: value for key, value in one.items() if value not in ([], {})}
        for name, one in data["services"].items()
    }
    volumes = {name: None for name in data["volumes"] if name in mounted}
    return {**data, "services": services, "volumes": volumes}


_NO_DIGEST_YET: Final = f"image-to-be-pinned@sha256:{'0' * 64}"


def _with_digests(data: dict[str, Any]) -> dict[str, Any]:
    data = deepcopy(data)
    for one in data["services"].values():
        if isinstance(one, dict) and isinstance(one.get("image"), str):
            one["image"] = PACKAGE_IMAGE if one["image"] == PACKAGE_IMAGE else _NO_DIGEST_YET
    return data


def _rewritten(service: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _REWRITES[key](value) if key in _REWRITES else value for key, value in service.items()
    }


def _words(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError:
        return value


def _pairs(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        split = (item.partition("=") for item in value)
        return {name: text if equals else None for name, equals, text in split}
    if isinstance(value, dict):
        return {name: _text(item) for name, item in value.items()}
    return value


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _dependencies(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {name: {"condition": "service_started"} for name in value}
    return value


def _check(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("test"), str):
        return {**value, "test": ["CMD-SHELL", value["test"]]}
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _mounts(value: Any) -> Any:
    return [_mount(item) for item in value] if isinstance(value, list) else value


def _mount(item: Any) -> Any:
    """Write the mount of a named volume as `name:/path`; anything else is the rules' to refuse."""
    if isinstance(item, dict) and item.get("type") == "volume":
        source, target = item.get("source"), item.get("target")
        return f"{_hyphenated(source)}:{target}" if isinstance(source, str) else item
    if isinstance(item, str) and item[:1].isalnum():
        name, _, path = item.partition(":")
        return f"{_hyphenated(name)}:{path.removesuffix(':rw')}"
    return item


def _hyphenated(name: str) -> str:
    """Write a volume's name as ClinOps does: what it is called matters to nobody else."""
    return name.lower().replace("_", "-").replace(".", "-")


_REWRITES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "command": _words,
    "depends_on": _dependencies,
    "entrypoint": _words,
    "environment": _pairs,
    "healthcheck": _check,
    "labels": _pairs,
    "tmpfs": _listed,
    "user": _text,
    "volumes": _mounts,
}
"""Keys of a service that Compose lets people write in several ways."""
