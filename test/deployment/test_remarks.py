# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a user says that changes nothing is told, and files that serve several runs are not."""

import re
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


CAMERAS = """
nodes:
  - {{name: camera_front, executable: camera, parameters: {{camera: front}}}}
  - {{name: camera_wrist, executable: camera, parameters: {{camera: wrist}}}}
  - {{name: recorder, executable: recorder, parameters: {{{parameters}}}}}
"""


@pytest.mark.parametrize(
    ('parameters', 'told'),
    [
        ("cameras: 'front,wrsit'", "recorder: cameras: got 'wrsit', .*did you mean wrist?"),
        ("cameras: 'front,wrist', moving_cameras: gripper", 'expected some of front, wrist'),
        ("cameras: 'front,wrist', compressed_cameras: frnt", 'did you mean front?'),
        ('watched_nodes: camera_fornt', "watched_nodes: got 'camera_fornt', .*mean camera_front?"),
    ],
)
def test_a_name_of_a_camera_or_a_node_that_is_none_is_told(tmp_path, parameters, told):
    run = deployment(tmp_path, CAMERAS.format(parameters=parameters))
    (line,) = find_remarks(run, run.resolve({}), {})
    assert re.search(told, line)


@pytest.mark.parametrize(
    'parameters',
    [
        "cameras: 'front, wrist', moving_cameras: wrist",
        "cameras: 'front,overhead'",  # of a driver that runs elsewhere
        "watched_nodes: 'camera_front,realsense'",
        "cameras: 'front,wrist', moving_cameras: ''",
    ],
)
def test_names_of_what_runs_elsewhere_are_not_told(tmp_path, parameters):
    run = deployment(tmp_path, CAMERAS.format(parameters=parameters))
    assert list(find_remarks(run, run.resolve({}), {})) == []


@pytest.mark.parametrize('name', config_names(''))
def test_nothing_is_remarked_of_deployments_that_ship(name):
    run = load_deployment(name)
    assert list(find_remarks(run, run.resolve({}), {})) == []
