# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a user says that changes nothing is told, and files that serve several runs are not."""

from pathlib import Path

import pytest

from vla_ros.core.config import config_names, find_config
from vla_ros.deployment.deployment import Deployment, load_deployment
from vla_ros.deployment.remarks import find_misnamed, find_remarks

RUN = """
arguments:
  placement: {default: cpu, config: placement, description: where nodes run}
  arm: {default: real, choices: [real, simulated], description: which arm}
  episodes: {default: 1, description: of a simulated arm}
  speed: {default: 1.0, description: which nobody takes}
  domain: {default: 1, description: of the environment}
environment: {SOME_DOMAIN: '${domain}'}
parameters: {placement: '${placement}'}
nodes:
  - {name: driver_left, executable: robot}
  - {name: camera_wrist, executable: camera}
  - name: sim
    executable: sim
    when: {arm: simulated}
    parameters: {episodes: '${episodes}'}
"""


def deployment(folder: Path, text: str = RUN) -> Deployment:
    (folder / 'run.yaml').write_text(text)
    return load_deployment(str(folder / 'run.yaml'))


def remarks(folder: Path, **chosen: str) -> list[str]:
    run = deployment(folder)
    return list(find_remarks(run, run.resolve(chosen), chosen))


def placement(folder: Path, *names: str) -> Path:
    file = folder / 'board.yaml'
    file.write_text(f'nodes: {{{", ".join(f"{name}: {{threads: 1}}" for name in names)}}}')
    return file


@pytest.mark.parametrize(
    ('slip', 'meant'),
    [
        ('camera_wirst', 'camera_wrist'),
        ('driver', 'driver_left'),
        ('action_que', 'action_queue'),
        ('vision_encodr', 'vision_encoder'),
        ('camera_topp', 'camera_top'),
    ],
)
def test_a_node_that_nobody_has_is_told_with_the_one_that_was_meant(tmp_path, slip, meant):
    file = placement(tmp_path, 'camera_wrist', slip)
    (told,) = remarks(tmp_path, placement=str(file))
    assert told.startswith(f"{file}: nodes: got '{slip}', expected the name of a node")
    assert told.endswith(f'; did you mean {meant}?')


def test_a_file_may_place_nodes_of_other_runs(tmp_path):
    """Of those that ship, of one beside it, and nodes of the package under their own names."""
    other = 'nodes: [{name: second_arm, executable: robot}]'
    (tmp_path / 'other.yaml').write_text(other)
    (tmp_path / 'plan.yaml').write_text('clusters: {1: [0.2, 0.0]}')  # no deployment
    (tmp_path / 'broken.yaml').write_text('{')
    file = placement(tmp_path, 'camera_left', 'second_arm', 'teleoperate', 'driver_left')
    assert remarks(tmp_path, placement=str(file)) == []
    (tmp_path / 'other.yaml').unlink()
    assert len(remarks(tmp_path, placement=str(file))) == 1


def test_a_file_beside_its_deployments_serves_them_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / 'elsewhere').mkdir()
    deployment(tmp_path)
    file = placement(tmp_path, 'camera_wrist')
    monkeypatch.chdir(tmp_path / 'elsewhere')
    assert find_misnamed(file) == []


@pytest.mark.parametrize('name', config_names('placement'))
def test_nothing_is_remarked_of_what_ships(name):
    assert find_misnamed(find_config('placement', name)) == []


def test_an_argument_that_no_node_of_the_run_takes_is_told(tmp_path):
    (told,) = remarks(tmp_path, speed='0.1')
    assert told.startswith("argument speed: got '0.1', which no node of this run takes")
    (told,) = remarks(tmp_path, episodes='3')  # of a simulated arm, which this run has not
    assert told.startswith("argument episodes: got '3'")


def test_an_argument_that_something_takes_is_not(tmp_path):
    chosen = {'arm': 'simulated', 'episodes': '3', 'domain': '7', 'placement': 'two_cores'}
    assert remarks(tmp_path, **chosen) == []
    assert remarks(tmp_path) == []
