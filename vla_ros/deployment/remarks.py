# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a user said of a run that changes nothing in it: most likely a slip of the pen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from pkgutil import iter_modules

from vla_ros.core.config import config_names, find_config
from vla_ros.core.errors import ConfigError, suggest
from vla_ros.deployment.deployment import Deployment, ProcessSpec, load_deployment
from vla_ros.runtime.placement import load_placement

NODES = Path(__file__).parents[1] / 'nodes'
PLACEMENT = 'placement'  # the parameter, and the kind of configuration, that says where nodes run


def find_remarks(
    deployment: Deployment, specs: Sequence[ProcessSpec], chosen: Mapping[str, str]
) -> Iterator[str]:
    """
    Yield a line for each argument that no node of the run takes, and each node that is none.

    ``specs`` is what ``deployment.resolve(chosen)`` returned.
    """
    for name in sorted(chosen.keys() - deployment.heeded(chosen)):
        yield (
            f'argument {name}: got {chosen[name]!r}, which no node of this run takes: it changes '
            f'nothing ({name} is for nodes that other arguments ask for)'
        )
    placements = dict.fromkeys(str(spec.parameters.get(PLACEMENT) or '') for spec in specs)
    for name in filter(None, placements):
        yield from find_misnamed(find_config(PLACEMENT, name), [deployment])


def find_misnamed(path: Path, deployments: Sequence[Deployment] = ()) -> list[str]:
    """
    Return a line for each node in a placement file that no known deployment has.

    A file may serve several: known are ``deployments``, those that ship, those that lie beside
    any of them or beside the file, and every node of the package under its own name.
    """
    known = {entry.name for deployment in deployments for entry in deployment.nodes}
    known |= {module.name for module in iter_modules([str(NODES)])}
    named = load_placement(path).nodes
    if not named.keys() <= known:
        folders = dict.fromkeys([*(item.path.parent for item in deployments), path.parent])
        known |= {name for file in _files(folders) for name in _node_names(file)}
    return [
        f'{path}: nodes: got {name!r}, expected the name of a node: none is called so, and '
        f'nothing is placed by it{suggest(name, known)}'
        for name in named
        if name not in known
    ]


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that may be deployments: those that ship, and those in the folders."""
    yield from (find_config('', name) for name in config_names(''))
    for folder in folders:
        yield from sorted(folder.glob('*.yaml'))


def _node_names(file: Path) -> list[str]:
    """Return the names of a deployment's nodes; none for a file that is something else."""
    with suppress(ConfigError):
        return [entry.name for entry in load_deployment(str(file.resolve())).nodes]
    return []
