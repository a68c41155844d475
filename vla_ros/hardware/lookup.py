# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Find a class by its name in a table, or by its place, ``module:class``."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from vla_ros.core.errors import ConfigError
from vla_ros.core.extras import how_to_install


def find(what: str, name: str, table: Mapping[str, str]) -> Any:
    """
    Return the class called ``name`` in ``table``, or at ``module:class``; load it only now.

    Raises ConfigError, which calls it a ``what``, where there is no such class, or where a library
    that it needs is not installed.
    """
    module, colon, attribute = table.get(name, name).partition(':')
    if not (colon and _is_there(module)):
        mend = f'; module {module} is not found: install it, or add its folder to PYTHONPATH'
        raise ConfigError(
            f'{what}: got {name!r}, expected one of {", ".join(table)}, or module:class'
            f'{mend if colon and module else ""}'
        )
    try:
        found = getattr(import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        mend = how_to_install(error) or f'{error.name} is not installed: install it'
        raise ConfigError(f'{what} {name}: {mend}') from None
    if found is None:
        raise ConfigError(f'{what}: got {name!r}, and {module} has no {attribute!r}')
    return found


def _is_there(module: str) -> bool:
    """Say whether the module and the packages that it is in can be imported."""
    parents = module.split('.')
    paths = ['.'.join(parents[: depth + 1]) for depth in range(len(parents))]
    return all(path and find_spec(path) for path in paths)
