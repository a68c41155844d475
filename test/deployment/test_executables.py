# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is checked before the first process of a deployment starts."""

import os
from pathlib import Path

import pytest
import yaml

from vla_ros.core.errors import ConfigError
from vla_ros.deployment.deployment import ProcessSpec, load_deployment
from vla_ros.deployment.executables import check_robots, find_executable
from vla_ros.runtime.claim import Claim

DOMAIN = f'check-{os.getpid()}'
ENVIRONMENT = {'ROS_DOMAIN_ID': DOMAIN}


def specs(folder: Path, namespace: str = '', **entry: object) -> list[ProcessSpec]:
    """Return the processes of a deployment with one action queue."""
    path = folder / 'job.yaml'
    node = {'name': 'queue', 'executable': 'action_queue', **entry}
    path.write_text(yaml.safe_dump({'namespace': namespace, 'nodes': [node]}))
    return load_deployment(str(path)).resolve({})


@pytest.mark.parametrize(
    ('topic', 'namespace', 'entry'),
    [
        ('/joint_commands', '', {}),
        ('/left/joint_commands', 'left', {}),
        ('/left/joint_commands', '/left', {}),
        ('/arm/trajectory', 'left', {'remappings': {'joint_commands': '/arm/trajectory'}}),
        ('/left/arm/goal', 'left', {'remappings': {'joint_commands': 'arm/goal'}}),
    ],
)
def test_a_robot_that_somebody_commands_is_refused_by_its_topic(
    tmp_path: Path, topic: str, namespace: str, entry: dict[str, object]
) -> None:
    check_robots(specs(tmp_path, namespace, **entry), ENVIRONMENT)
    claim = Claim(topic, DOMAIN)
    with pytest.raises(ConfigError, match=f'queue: {topic} in ROS domain {DOMAIN}: got a second'):
        check_robots(specs(tmp_path, namespace, **entry), ENVIRONMENT)
    check_robots(specs(tmp_path, 'other'), ENVIRONMENT)
    check_robots(specs(tmp_path, namespace, **entry), {'ROS_DOMAIN_ID': f'{DOMAIN}-2'})
    check_robots(specs(tmp_path, namespace, parameters={'dry_run': True}), ENVIRONMENT)
    claim.release()


@pytest.mark.parametrize('kind', ['missing', 'no program', 'a folder'])
def test_a_program_that_can_not_be_run_is_named_before_anything_starts(
    tmp_path: Path, kind: str
) -> None:
    program = tmp_path / 'driver'
    if kind == 'no program':
        program.write_text('')
    if kind == 'a folder':
        program.mkdir()
    [spec] = specs(tmp_path, executable=str(program))
    with pytest.raises(ConfigError, match=f'queue: got {program}, expected a program'):
        find_executable(spec)
