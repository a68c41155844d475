# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What LeRobot's features are called in topics and on the robot: one rule for all who ask.

A camera has the rest of its column's name, ``observation.images.left.wrist`` is ``left_wrist``;
never less than the whole rest, which other columns may share. A number, with which no name in a
topic begins, is ``camera_0``. A joint has the name of its motor,
without the ending ``.pos`` of lerobot-record.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from vla_ros.core.errors import ConfigError, repeated

_PREFIXES = ('observation.images.', 'observation.image.', 'observation.')
_UNSAFE = re.compile('[^A-Za-z0-9_]')  # in the name of a topic
_POSITION = '.pos'


def camera_name(key: str) -> str:
    """Return the name of the camera whose pictures lie in column ``key``."""
    prefix = next((prefix for prefix in _PREFIXES if key.startswith(prefix)), '')
    name = _UNSAFE.sub('_', key.removeprefix(prefix))
    return f'camera_{name}' if name[:1].isdigit() else name


def camera_names(keys: Iterable[str]) -> dict[str, str]:
    """Return the column of each camera by its name; raise ConfigError where two have one name."""
    named: dict[str, str] = {}
    for key in keys:
        name = camera_name(key)
        if name in named:
            raise ConfigError(
                f'cameras: got {named[name]} and {key}, which are both called {name} in topics; '
                'rename one of the columns'
            )
        named[name] = key
    return named


def joint_names(feature: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return what the numbers of a vector are called, () where the feature does not say.

    Takes every form in which LeRobot and its converters write them: a list, a list in a list,
    lists by kind ({'motors': [...]}), places by name ({'pan': 0, ...}) and names by place. What
    is no name for each number, such as ['state'] for seven of them, names none. Raise ConfigError
    where two numbers have one name.
    """
    names = [str(name) for name in _flat(feature.get('names') or ())]
    if 'shape' in feature and tuple(feature['shape']) != (len(names),):
        return ()
    twice = repeated(names)
    if twice:
        raise ConfigError(
            f'joint names: got {", ".join(twice)} for several numbers of a vector, expected a '
            'name for each; correct names in meta/info.json'
        )
    short = [name.removesuffix(_POSITION) for name in names]
    return tuple(short if len(set(short)) == len(names) else names)


def _flat(names: Any) -> Iterable[Any]:
    """Yield the names in whatever they are wrapped in, in order."""
    if isinstance(names, str):
        return
    if isinstance(names, Mapping):
        if all(map(_is_place, names.values())):
            yield from sorted(names, key=lambda name: int(names[name]))
            return
        by_place = all(map(_is_place, names))
        names = [names[key] for key in (sorted(names, key=int) if by_place else names)]
    for name in names:
        if isinstance(name, str) or not isinstance(name, Iterable):
            yield name
        else:
            yield from _flat(name)


def _is_place(value: Any) -> bool:
    return type(value) is int or (isinstance(value, str) and value.isdecimal())
