# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The programs that the nodes of a deployment are, and what of the environment is theirs."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from vla_ros.core.errors import ConfigError
from vla_ros.deployment.deployment import ProcessSpec
from vla_ros.runtime.claim import describe, owner

PACKAGE = 'vla_ros'
QUEUE, COMMANDS = 'action_queue', 'joint_commands'  # who commands a robot, and where
# set by the wheels' bootstrap, which starts this Python once more with its libraries on the path
WHEELS_VARIABLES = {'_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'LD_LIBRARY_PATH'}


def find_executable(spec: ProcessSpec) -> list[str]:
    """
    Return the start of the node's command line, found as `ros2 run` does.

    A node of this package that isn't installed as an executable runs from its module. Raise
    ConfigError naming what is missing.
    """
    if not spec.package:
        if not os.access(spec.executable, os.X_OK) or os.path.isdir(spec.executable):
            raise ConfigError(
                f'{spec.name}: got {spec.executable}, expected a program; mend its path, or allow '
                'it to be run (chmod +x)'
            )
        return [spec.executable]
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        path = Path(prefix, 'lib', spec.package, spec.executable)
        if prefix and os.access(path, os.X_OK):
            return [str(path)]
    module = f'{PACKAGE}.nodes.{spec.executable}'
    if spec.package == PACKAGE and find_spec(module):
        return [sys.executable, '-m', module]
    on_path = shutil.which(spec.executable)
    if on_path and spec.package != PACKAGE:
        return [on_path]
    raise ConfigError(
        f'{spec.name}: got executable {spec.executable!r} of package {spec.package!r}, which is '
        'not installed, expected it in AMENT_PREFIX_PATH; install the package or source its setup'
    )


def check_robots(specs: Sequence[ProcessSpec], environment: Mapping[str, str]) -> None:
    """Raise ConfigError where a process of another run commands a robot of these, naming it."""
    domain = environment.get('ROS_DOMAIN_ID') or '0'
    for spec in specs:
        if spec.executable != QUEUE or spec.package != PACKAGE or spec.parameters.get('dry_run'):
            continue
        topic = spec.remappings.get(COMMANDS, COMMANDS)
        topic = topic if topic.startswith('/') else '/' + f'{spec.namespace}/{topic}'.strip('/')
        pid = owner(topic, domain)
        if pid is not None:
            raise ConfigError(f'{spec.name}: {describe(topic, domain, pid)}')


def without_wheels(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment without what ROS 2's PyPI wheels added to it for this Python.

    Their libraries are for nodes of this Python only; another program brings its own.
    """
    libraries = environment.get('LD_LIBRARY_PATH', '').split(os.pathsep)
    own = [path for path in libraries if path and not Path(path).is_relative_to(sys.prefix)]
    rest = {key: value for key, value in environment.items() if key not in WHEELS_VARIABLES}
    return rest | ({'LD_LIBRARY_PATH': os.pathsep.join(own)} if own else {})
