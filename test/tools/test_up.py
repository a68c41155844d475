# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``vla_ros up`` on deployments whose nodes are small scripts."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from patience import PATIENCE

from vla_ros.core.errors import ConfigError
from vla_ros.deployment.deployment import ProcessSpec, load_deployment
from vla_ros.deployment.domain import check_domain, isolate
from vla_ros.deployment.executables import find_executable, without_wheels
from vla_ros.tools.up import parse_assignments

SLEEP = 'sleep 600'
Up = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def up() -> Iterator[Up]:
    """Return a function that starts ``vla_ros up`` with the words given."""
    started = []

    def start(*words: object) -> subprocess.Popen[str]:
        argv = [sys.executable, '-m', 'vla_ros.tools.main', 'up', *map(str, words)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def deploy(folder: Path, *nodes: dict[str, Any], **more: Any) -> Path:
    """Write a deployment of shell scripts; ``run`` is a node's script."""
    for node in nodes:
        script = folder / node['name']
        script.write_text('#!/bin/sh\n' + node.pop('run', SLEEP) + '\n')
        script.chmod(0o755)
        node['executable'] = str(script)
    path = folder / 'job.yaml'
    path.write_text(yaml.safe_dump({'nodes': list(nodes), **more}))
    return path


def finish(process: subprocess.Popen[str], code: int) -> str:
    """Return what a run printed once it has ended with ``code``."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, out + err
    return out + err


def wait_for_pids(folder: Path, count: int) -> list[int]:
    """Return the process ids that scripts wrote as <anything>.pid."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        texts = [path.read_text() for path in folder.glob('*.pid')]
        if len(texts) == count and all(texts):
            return [int(text) for text in texts]
        time.sleep(0.02)
    raise AssertionError(f'{count} scripts did not start')


def are_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while any(Path(f'/proc/{pid}').exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(Path(f'/proc/{pid}').exists() for pid in pids)


def sleeper(folder: Path, name: str) -> dict[str, Any]:
    return {'name': name, 'run': f'echo $$ > {folder}/{name}.pid; exec sleep 600'}


def test_the_job_ends_by_itself_with_a_table_of_what_each_node_used(
    up: Up, tmp_path: Path
) -> None:
    job = {'name': 'job', 'run': 'echo working; sleep 0.5', 'ends_run': True}
    text = finish(up(deploy(tmp_path, job, {'name': 'arm', 'required': True})), 0)
    assert '[job] working' in text
    table = text[text.index('node ') :].splitlines()
    assert [line.split()[0] for line in table] == ['node', 'job', 'arm', 'all']


def test_a_killed_node_is_reported_with_its_last_lines(up: Up, tmp_path: Path) -> None:
    arm = {'name': 'arm', 'run': 'echo too hot >&2; sleep 0.2; kill -9 $$', 'required': True}
    text = finish(up(deploy(tmp_path, arm, {'name': 'other'})), 1)
    assert '[up] arm died: killed by SIGKILL. Its last lines:\n[up]     too hot' in text


def test_one_interrupt_stops_every_node(up: Up, tmp_path: Path) -> None:
    process = up(deploy(tmp_path, sleeper(tmp_path, 'one'), sleeper(tmp_path, 'two')))
    pids = wait_for_pids(tmp_path, 2)
    process.send_signal(signal.SIGINT)
    text = finish(process, 130)
    assert are_gone(pids)
    assert 'Traceback' not in text


def test_no_node_survives_a_runner_that_is_killed(up: Up, tmp_path: Path) -> None:
    process = up(deploy(tmp_path, sleeper(tmp_path, 'one'), sleeper(tmp_path, 'two')))
    pids = wait_for_pids(tmp_path, 2)
    process.kill()
    assert are_gone(pids)


def test_nodes_are_stopped_when_nobody_reads_their_output_any_more(up: Up, tmp_path: Path) -> None:
    chatty = {'name': 'chatty', 'run': 'while true; do echo hello; sleep 0.1; done'}
    process = up(deploy(tmp_path, chatty, sleeper(tmp_path, 'one')))
    pids = wait_for_pids(tmp_path, 1)
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 128 + signal.SIGPIPE
    assert are_gone(pids)
    assert process.stderr.read() == ''


def test_arguments_reach_the_nodes_as_ros_parameters(up: Up, tmp_path: Path) -> None:
    show = 'while [ "$1" != --params-file ]; do echo "$1"; shift; done; cat "$2"'
    job = {
        'name': 'job',
        'run': show,
        'ends_run': True,
        'parameters': {'count': '${count}'},
        'remappings': {'image': 'picture'},
    }
    path = deploy(
        tmp_path, job, arguments={'count': {'default': 1, 'description': 'x'}}, namespace='left'
    )
    text = finish(up(path, 'count:=7'), 0)
    assert '__node:=job' in text and '__ns:=/left' in text and 'image:=picture' in text
    assert '"count": 7' in text and 'ros__parameters' in text


def test_what_changes_nothing_is_told_at_the_start(up: Up, tmp_path: Path) -> None:
    arguments = {'speed': {'default': 1.0, 'description': 'x'}}
    board = tmp_path / 'board.yaml'
    board.write_text('nodes: {jbo: {threads: 2}}')
    job = {
        'name': 'job',
        'run': 'exit 0',
        'ends_run': True,
        'parameters': {'placement': str(board)},
    }
    path = deploy(tmp_path, job, arguments=arguments)
    text = finish(up(path, 'speed:=0.1'), 0)
    assert "argument speed: got '0.1', which no node of this run takes" in text
    assert f"{board}: nodes: got 'jbo'" in text and 'did you mean job?' in text


def test_nodes_get_the_deployments_environment_in_the_callers_domain(
    up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', '17')
    job = {'name': 'job', 'run': 'echo $VLA_ROS_TEST_A in $ROS_DOMAIN_ID', 'ends_run': True}
    text = finish(up(deploy(tmp_path, job, environment={'VLA_ROS_TEST_A': 3})), 0)
    assert '[job] 3 in 17' in text


def test_node_that_is_started_again_finds_what_the_one_before_it_noted_in_this_run(
    up: Up, tmp_path: Path
) -> None:
    script = (
        'cat $VLA_ROS_RUN/noted && exec sleep 600; echo left before > $VLA_ROS_RUN/noted; exit 1'
    )
    node = {'name': 'node', 'run': script, 'respawn': True}
    job = {'name': 'job', 'run': 'sleep 1.5', 'ends_run': True}
    for _ in range(2):  # another run knows nothing of it
        text = finish(up(deploy(tmp_path, dict(node), dict(job))), 0)
        assert '[node] left before' in text and 'No such file' in text


def test_an_isolated_run_has_a_domain_of_its_own_on_this_host(
    up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('ROS_DOMAIN_ID', '0')
    script = 'echo at $ROS_DOMAIN_ID $ROS_AUTOMATIC_DISCOVERY_RANGE'
    job = {'name': 'job', 'run': script, 'ends_run': True}
    text = finish(up(deploy(tmp_path, job), '--isolate'), 0)
    domain, discovery = text.partition('[job] at ')[2].split()[:2]
    assert 1 <= int(domain) <= 101
    assert discovery == 'LOCALHOST'


def test_a_domain_in_use_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('vla_ros.deployment.domain.DOMAINS', range(50, 52))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        with suppress(OSError):  # where a stranger has it, the domain is in use as well
            participant.bind(('', 7400 + 250 * 50 + 10))
        assert {isolate()['ROS_DOMAIN_ID'] for _ in range(8)} == {'51'}


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['nowhere'], 'nowhere'),
        (['tea_bag', 'episodes:=many'], "argument episodes: got 'many', expected a whole number"),
        (['tea_bag', 'epsiodes:=3'], "got 'epsiodes', expected one of instruction, goal, policy"),
        (['tea_bag', 'episodes=3'], "got 'episodes=3', expected name:=value"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(up: Up, words: list[str], message: str) -> None:
    text = finish(up(*words), 2)
    assert message in text
    assert text.count('\n') == 1


def test_nothing_is_started_when_a_node_is_not_installed(up: Up, tmp_path: Path) -> None:
    path = deploy(tmp_path, sleeper(tmp_path, 'one'))
    content = yaml.safe_load(path.read_text())
    content['nodes'].append({'name': 'view', 'package': 'no_such', 'executable': 'no_such_exe'})
    path.write_text(yaml.safe_dump(content))
    text = finish(up(path), 2)
    assert "view: got executable 'no_such_exe' of package 'no_such'" in text
    assert not list(tmp_path.glob('*.pid'))


def test_the_arguments_of_a_deployment_are_shown(up: Up) -> None:
    text = finish(up('tea_bag', '--show-args'), 0)
    for argument in load_deployment('tea_bag').arguments:
        assert f'{argument.name}:=' in text and argument.description in text


def test_words_are_names_and_values() -> None:
    assert parse_assignments(['a:=1', 'b:=x:=y', 'c:=']) == {'a': '1', 'b': 'x:=y', 'c': ''}
    with pytest.raises(ConfigError, match='expected name:=value'):
        parse_assignments(['a'])
    with pytest.raises(ConfigError, match="argument a: got '1' and '2', expected one"):
        parse_assignments(['a:=1', 'b:=1', 'a:=2'])


@pytest.mark.parametrize('domain', ['233', '-1', 'abc', '1.5', '٣', ' '])
def test_a_domain_that_is_none_is_named_before_anything_starts(domain: str) -> None:
    with pytest.raises(ConfigError, match=f"ROS_DOMAIN_ID: got '{domain}', .* 0 to 232"):
        check_domain({'ROS_DOMAIN_ID': domain})
    for fine in ({}, {'ROS_DOMAIN_ID': ''}, {'ROS_DOMAIN_ID': '232'}):
        check_domain(fine)


def node(package: str, executable: str) -> ProcessSpec:
    return ProcessSpec('n', '', package, executable, {}, {}, (), {}, False, False, False)


def test_an_executable_is_found_where_ros2_run_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'lib' / 'some_package' / 'camera'
    path.parent.mkdir(parents=True)
    path.write_text('#!/bin/sh\n')
    path.chmod(0o755)
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/no/such{os.pathsep}{tmp_path}')
    assert find_executable(node('some_package', 'camera')) == [str(path)]


def test_a_node_of_this_package_runs_from_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AMENT_PREFIX_PATH', '')
    expected = [sys.executable, '-m', 'vla_ros.nodes.sim']
    assert find_executable(node('vla_ros', 'sim')) == expected


def test_a_program_of_another_package_is_spared_the_wheels_libraries() -> None:
    own = os.path.join(sys.prefix, 'lib')
    environment = {
        'HOME': '/home',
        'LD_LIBRARY_PATH': f'{own}{os.pathsep}/opt/lib',
        '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1',
    }
    assert without_wheels(environment) == {'HOME': '/home', 'LD_LIBRARY_PATH': '/opt/lib'}
    assert without_wheels({'LD_LIBRARY_PATH': own}) == {}
