# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which shared memory is taken for stale."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vla_ros.core.config import find_config
from vla_ros.deployment.fastdds import (
    NAMES,
    PROFILE,
    RANGE,
    find_name,
    remove_stale_segments,
    shipped_profile,
    use_profile,
)


def make_segment(folder: Path, name: str, age: float = 60.0) -> Path:
    """Write a segment of 8 KiB and its lock, both ``age`` seconds old."""
    segment, lock = folder / name, folder / f'{name}_el'
    segment.write_bytes(bytes(8192))
    lock.touch()
    then = lock.stat().st_mtime - age
    os.utime(lock, (then, then))
    return segment


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize('name', NAMES)
def test_a_segment_whose_owner_died_is_removed_with_its_lock(tmp_path: Path, name: str) -> None:
    make_segment(tmp_path, f'{name}_0123456789abcdef')
    assert remove_stale_segments(tmp_path) == (1, 8192)
    assert names(tmp_path) == []


def test_a_segment_whose_owner_lives_stays(tmp_path: Path) -> None:
    segment = make_segment(tmp_path, 'fastdds_0123456789abcdef')
    with open(f'{segment}_el') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert remove_stale_segments(tmp_path) == (0, 0)
    assert names(tmp_path) == ['fastdds_0123456789abcdef', 'fastdds_0123456789abcdef_el']


def test_a_segment_that_its_owner_has_just_made_stays(tmp_path: Path) -> None:
    make_segment(tmp_path, 'fastdds_0123456789abcdef', age=0.0)
    assert remove_stale_segments(tmp_path) == (0, 0)


def test_ports_and_other_files_stay(tmp_path: Path) -> None:
    make_port(tmp_path, state=2)
    make_segment(tmp_path, 'other_0123456789abcdef')
    before = names(tmp_path)
    assert remove_stale_segments(tmp_path) == (0, 0)
    assert names(tmp_path) == before


def make_port(folder: Path, state: int, age: float = 60.0, name: str = 'fastdds') -> None:
    """Write a port with its locks; ``state`` 2 is a port that is ready."""
    port = make_segment(folder, f'{name}_port7412')
    port.write_bytes(bytes([state]) + bytes(8191))
    (folder / f'sem.{name}_port7412_mutex').touch()
    os.utime(port, (time.time() - age, time.time() - age))


@pytest.mark.parametrize('name', NAMES)
def test_a_port_whose_maker_died_half_way_is_removed_with_its_locks(
    tmp_path: Path, name: str
) -> None:
    make_port(tmp_path, state=0, name=name)
    assert remove_stale_segments(tmp_path) == (1, 8192)
    assert names(tmp_path) == []


def test_a_port_that_is_just_being_made_stays(tmp_path: Path) -> None:
    make_port(tmp_path, state=0, age=0.0)
    assert remove_stale_segments(tmp_path) == (0, 0)
    assert len(names(tmp_path)) == 3


def test_a_lock_without_a_segment_is_removed(tmp_path: Path) -> None:
    make_segment(tmp_path, 'fastdds_0123456789abcdef').unlink()
    assert remove_stale_segments(tmp_path) == (1, 0)
    assert names(tmp_path) == []


OTHERS = ('ROS_LOCALHOST_ONLY', 'ROS_STATIC_PEERS', 'RMW_IMPLEMENTATION')


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Return the variables of this process, without those of ROS, to be put back afterwards."""
    with monkeypatch.context() as patch:
        for name in (PROFILE, RANGE, *OTHERS):
            patch.setenv(name, '')
        yield os.environ


def test_profile_that_ships_is_taken_unless_another_was_chosen(
    environment: dict[str, str],
) -> None:
    use_profile()
    assert Path(environment[PROFILE]).name == 'fastdds.xml'
    for images in (True, False):
        environment[PROFILE] = '/of/the/user.xml'
        use_profile(images)
        assert environment[PROFILE] == '/of/the/user.xml'


@pytest.mark.parametrize(
    ('distribution', 'name'),
    [('jazzy', 'FASTRTPS'), ('kilted', 'FASTDDS'), ('rolling', 'FASTDDS')],
)
def test_profile_is_named_as_the_fast_dds_of_the_distribution_knows_it(
    distribution: str, name: str
) -> None:
    code = 'from vla_ros.deployment.fastdds import PROFILE; print(PROFILE)'
    found = subprocess.run(
        [sys.executable, '-c', code],
        env=os.environ | {'ROS_DISTRO': distribution},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f'{name}_DEFAULT_PROFILES_FILE\n'


@pytest.mark.parametrize('name', NAMES)
def test_without_a_sourced_ros_the_installed_fast_dds_tells_its_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('ROS_DISTRO', raising=False)
    (tmp_path / 'share' / name).mkdir(parents=True)
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path}')
    assert find_name() == name


@pytest.mark.parametrize('given', ['', str(shipped_profile())])
def test_node_without_images_takes_udp_only(environment: dict[str, str], given: str) -> None:
    environment[PROFILE] = given
    use_profile(images=False)
    assert Path(environment[PROFILE]).name == 'fastdds_udp.xml'


@pytest.mark.parametrize(('name', 'value'), [(RANGE, 'LOCALHOST'), ('ROS_LOCALHOST_ONLY', '1')])
def test_node_without_images_that_stays_on_its_host_does_so_by_itself(
    environment: dict[str, str], name: str, value: str
) -> None:
    environment[name] = value
    use_profile(images=False)
    assert Path(environment[PROFILE]).name == 'fastdds_udp_localhost.xml'
    assert environment[RANGE] == 'SYSTEM_DEFAULT'
    assert 'ROS_LOCALHOST_ONLY' not in environment


def test_another_middleware_is_left_alone(environment: dict[str, str]) -> None:
    given = {RANGE: 'LOCALHOST', 'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp', PROFILE: ''}
    environment |= given
    use_profile(images=False)
    assert {name: environment[name] for name in given} == given


def test_node_that_has_peers_of_its_own_leaves_them_to_ros(environment: dict[str, str]) -> None:
    environment |= {RANGE: 'LOCALHOST', 'ROS_STATIC_PEERS': '10.0.0.2'}
    use_profile(images=False)
    assert Path(environment[PROFILE]).name == 'fastdds.xml'
    assert environment[RANGE] == 'LOCALHOST'


@pytest.mark.parametrize(
    ('profile', 'segments'),
    [('fastdds.xml', True), ('fastdds_udp.xml', False), ('fastdds_udp_localhost.xml', False)],
)
def test_profile_opens_shared_memory_only_where_images_are(profile: str, segments: bool) -> None:
    pytest.importorskip('rclpy')
    code = (
        "import rclpy; rclpy.init(); node = rclpy.create_node('a'); "
        "print('_port' in open('/proc/self/maps').read())"
    )
    found = subprocess.run(
        [sys.executable, '-c', code],
        env=os.environ | {PROFILE: str(find_config('', profile)), RANGE: 'SYSTEM_DEFAULT'},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f'{segments}\n'
