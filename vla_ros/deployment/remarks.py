# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a user said of a run that changes nothing in it: most likely a slip of the pen."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
    Yield a line for each argument that no node of the run takes, and each name that is none.

    Names are those of nodes in placement files, and of nodes and cameras in parameters.

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
    nodes = {entry.name for entry in deployment.nodes}
    cameras = {str(s.parameters.get('camera', '')) for s in specs if s.executable == 'camera'}
    for spec in specs:
        own = _names(spec, 'cameras')
        for what, known in (('watched_nodes', nodes), ('cameras', cameras)):
            yield from _near(spec, what, known)
        for what in ('moving_cameras', 'compressed_cameras') if own else ():
            yield from _foreign(spec, what, own)


def _names(spec: ProcessSpec, what: str) -> list[str]:
    """Return the names in a parameter that lists some, separated by commas."""
    return [name.strip() for name in str(spec.parameters.get(what, '')).split(',') if name.strip()]


def _near(spec: ProcessSpec, what: str, known: Collection[str]) -> Iterator[str]:
    """Yield a line for each name that is nearly one of the deployment's; others may run apart."""
    for name in _names(spec, what):
        if name not in known and (meant := suggest(name, known)):
            yield f'{spec.name}: {what}: got {name!r}, which this run does not start{meant}'


def _foreign(spec: ProcessSpec, what: str, known: Collection[str]) -> Iterator[str]:
    """Yield a line for each name that is none of the node's own."""
    for name in _names(spec, what):
        if name not in known:
            yield (
                f'{spec.name}: {what}: got {name!r}, expected some of {", ".join(known)}: it '
                f'changes nothing{suggest(name, known)}'
            )


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
