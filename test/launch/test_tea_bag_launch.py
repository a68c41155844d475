# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A launch file starts what ``vla_ros up`` starts."""

import importlib.util
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.deployment.deployment import as_text, load_deployment
from vla_ros.tools.up import make_command

pytest.importorskip('launch_ros')

from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

from vla_ros.deployment.restarts import LIMIT
from vla_ros.runtime.latch import RUN
from vla_ros.runtime.tether import LAUNCHER
from vla_ros.tools import launch_file
from vla_ros.tools.launch_file import end_nodes, kill_frozen, make_node

FOLDER = Path(__file__).parents[2] / 'launch'
FILES = sorted(path.name.removesuffix('.launch.py') for path in FOLDER.glob('*.launch.py'))
NAMES = [name for name in FILES if name != 'deployment']  # which takes any of them


def describe(name: str) -> LaunchDescription:
    """Return what the launch file ``name`` describes."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f'{name}.launch.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def expand(name: str, chosen: dict[str, str]) -> list[Node]:
    """Return the node actions that the launch file starts for the arguments chosen."""
    context = LaunchContext()
    context.launch_configurations.update(chosen)
    nodes: list[Node] = []
    for entity in describe(name).entities:
        result = entity.visit(context)
        if isinstance(entity, OpaqueFunction):
            nodes = [action for action in result or [] if isinstance(action, Node)]
    for node in nodes:
        node._perform_substitutions(context)
    return nodes


def describe_node(node: Node) -> tuple[Any, ...]:
    """Return the name, namespace, parameters, command line and environment of a launch action."""
    context = LaunchContext()
    context.extend_locals({'ros_specific_arguments': {'name': '', 'ns': ''}})
    words = [perform_substitutions(context, word) for word in node.cmd[1:]]
    files = [Path(word) for word in words if word.endswith('.yaml') and Path(word).is_file()]
    parameters = yaml.safe_load(files[-1].read_text())['/**']['ros__parameters']
    env = {
        perform_substitutions(context, key): perform_substitutions(context, value)
        for key, value in node.additional_env or []
    }
    return node.node_name, node.expanded_node_namespace, parameters, words, env


@pytest.mark.parametrize(
    ('name', 'chosen'),
    [
        ('tea_bag', {}),
        (
            'tea_bag',
            {'mode': 'sync', 'episodes': '3', 'placement': 'two_cores', 'namespace': 'left'},
        ),
        ('record', {}),
        ('record', {'episodes': '3', 'notes': 'with gloves', 'namespace': 'left'}),
    ],
    ids=['tea_bag', 'tea_bag chosen', 'record', 'record chosen'],
)
def test_launch_and_up_start_the_same_nodes_with_the_same_parameters(
    name: str, chosen: dict[str, str], tmp_path: Path
) -> None:
    chosen = {**chosen, **({'policy': str(tmp_path)} if name == 'tea_bag' else {})}
    specs = load_deployment(name).resolve(chosen)
    nodes = expand(name, chosen)
    assert len(nodes) == len(specs)
    for spec, node in zip(specs, nodes, strict=True):
        node_name, namespace, parameters, _, env = describe_node(node)
        command = make_command(spec, tmp_path, {})
        file = Path(command.argv[command.argv.index('--params-file') + 1])
        expected = yaml.safe_load(file.read_text())['/**']['ros__parameters']
        assert parameters == expected
        assert env.pop(LAUNCHER) == str(os.getpid())
        assert Path(env.pop(RUN)).is_dir() and command.env[RUN] == str(tmp_path)
        assert env == {name: text for name, text in command.env.items() if name != RUN}
        assert node_name.endswith(spec.name)
        assert namespace.strip('/') == spec.namespace


@pytest.mark.parametrize('name', NAMES)
def test_launch_declares_every_argument_of_the_deployment(name: str) -> None:
    entities = describe(name).entities
    actions = [entity for entity in entities if isinstance(entity, DeclareLaunchArgument)]
    arguments = load_deployment(name).arguments
    assert [action.name for action in actions] == [argument.name for argument in arguments]
    for action, argument in zip(actions, arguments, strict=True):
        default = perform_substitutions(LaunchContext(), action.default_value)
        assert default == as_text(argument.default)
        assert action.choices == ([as_text(choice) for choice in argument.choices] or None)


def test_a_deployment_of_ones_own_is_launched_with_its_arguments(tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text(find_config('', 'record').read_text())
    nodes = expand('deployment', {'deployment': str(path), 'episodes': '3', 'namespace': 'left'})
    given = {name: parameters for name, _, parameters, *_ in map(describe_node, nodes)}
    assert given['/left/recorder']['episodes'] == 3


def test_no_node_starts_where_one_of_them_is_not_installed() -> None:
    with pytest.raises(ConfigError, match="rviz: got executable 'rviz2' of package 'rviz2'"):
        expand('tea_bag', {'view': 'rviz'})


def test_what_launch_leaves_behind_is_ended_with_launch(tmp_path: Path) -> None:
    script = f'trap "sleep 0.2; echo > {tmp_path}/braked; exit" TERM; echo; sleep 60 & wait'
    with subprocess.Popen(['sh', '-c', script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it listens
        node = SimpleNamespace(return_code=None, process_details={'pid': process.pid})
        ended = SimpleNamespace(return_code=0, process_details={'pid': os.getpid()})
        end_nodes([node, ended, SimpleNamespace(return_code=None, process_details=None)])
        assert (tmp_path / 'braked').exists()


def launch(folder: Path, *nodes: dict[str, Any]) -> int:
    """Launch shell scripts with launch's form of their entries; return the exit code."""
    for node in nodes:
        script = folder / node['name']
        script.write_text(f'#!/bin/sh\n{node.pop("run")}\n')
        script.chmod(0o755)
        node['executable'] = str(script)
    path = folder / 'job.yaml'
    path.write_text(yaml.safe_dump({'nodes': list(nodes)}))
    specs = load_deployment(str(path)).resolve({})
    service = LaunchService(noninteractive=True)
    made = [make_node(spec, folder) for spec in specs]
    respawned = [node for node, spec in zip(made, specs, strict=True) if spec.respawn]
    service.include_launch_description(LaunchDescription([*made, kill_frozen(respawned)]))
    return service.run()


def test_the_launch_ends_well_with_the_node_that_ends_the_run(tmp_path: Path) -> None:
    job = {'name': 'job', 'run': 'sleep 0.3', 'ends_run': True}
    other = {'name': 'other', 'run': 'exec sleep 60', 'required': True}
    assert launch(tmp_path, job, other) == 0


@pytest.mark.parametrize('role', ['required', 'ends_run'])
def test_the_launch_fails_when_a_node_that_it_needs_dies(
    tmp_path: Path, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    arm = {'name': 'arm', 'run': 'sleep 0.3; kill -9 $$', role: True}
    other = {'name': 'other', 'run': 'exec sleep 60', 'required': True}
    assert launch(tmp_path, arm, other) == 1
    assert 'arm died (killed by SIGKILL), and the run needs it' in caplog.text


def test_the_launch_goes_on_without_a_node_that_nobody_needs(tmp_path: Path) -> None:
    view = {'name': 'view', 'run': 'exit 1'}
    job = {'name': 'job', 'run': f'sleep 0.5; touch {tmp_path}/finished', 'ends_run': True}
    assert launch(tmp_path, view, job) == 0
    assert (tmp_path / 'finished').exists()


def test_the_launch_starts_a_node_again_and_gives_up_one_that_can_not_live(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera = {'name': 'camera', 'run': f'echo >> {tmp_path}/starts; exit 1', 'respawn': True}
    other = {'name': 'other', 'run': 'exec sleep 60', 'required': True}
    assert launch(tmp_path, camera, other) == 1
    assert (tmp_path / 'starts').read_text().count('\n') == 1 + LIMIT
    assert f'camera died more than {LIMIT} times in 60 s' in caplog.text


def test_the_launch_kills_a_frozen_node_and_starts_it_again(tmp_path: Path) -> None:
    freeze = f'echo >> {tmp_path}/starts; kill -STOP $$; exit 1'
    camera = {'name': 'camera', 'run': freeze, 'respawn': True}
    job = {'name': 'job', 'run': 'sleep 1.5', 'ends_run': True}
    assert launch(tmp_path, camera, job) == 0
    assert (tmp_path / 'starts').read_text().count('\n') >= 2


def test_the_end_of_a_launch_ends_the_nodes_and_then_clears_what_they_left(monkeypatch):
    registered: list[str] = []
    monkeypatch.setattr('atexit.register', lambda step, *_: registered.append(step.__name__))
    expand('tea_bag', {})
    assert registered[::-1] == ['end_nodes', 'clear_shared_memory']  # the last comes first


def warnings_of(monkeypatch: pytest.MonkeyPatch, *argv: str) -> list[str]:
    """Return what launch warns of when these arguments are given on its command line."""
    told: list[str] = []
    monkeypatch.setattr(launch_file.LOGGER, 'warning', told.append)
    context = LaunchContext(argv=list(argv))
    context.launch_configurations.update(dict(word.split(':=') for word in argv))
    for entity in describe('so101').entities:
        entity.visit(context)
    return told


def test_an_argument_that_launch_would_drop_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = warnings_of(monkeypatch, 'polcy:=tea_bag_act')
    assert told.startswith('argument polcy: there is none') and told.endswith('mean policy?')
    (told,) = warnings_of(monkeypatch, 'episodes:=3')  # of a simulated arm
    assert told.startswith("argument episodes: got '3', which no node of this run takes")


def test_arguments_that_are_taken_and_those_of_other_files_are_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = ('arm:=simulated', 'episodes:=3', 'policy:=tea_bag_act')
    assert warnings_of(monkeypatch, *chosen, 'warehouse_fleet:=7') == []
