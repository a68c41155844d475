# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where an arm may be: the rules by themselves, and that no motion ever breaks one."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.frames import Frames
from vla_ros.core.kinematics import robot_model
from vla_ros.core.limits import Motion
from vla_ros.core.robot import load_robot
from vla_ros.core.workspace import Workspace, segment_distance, workspace_of

PATH = find_config('robots', 'so101_real')
ROBOT = load_robot(PATH)
MODEL = robot_model(ROBOT)
WORKSPACE = workspace_of(ROBOT)
READY = np.array([0.0, -0.8, 1.0, 0.8, 0.0, 0.2])  # rad; the tool is above the table
TICK = 1 / 60
DOWN = np.array([0.0, 0.9, 0.3, 0.4, 0.0, 0.2])  # into the table
INTO_ITSELF = np.array([0.0, -1.0, 1.69, 1.658, 0.0, 0.0])


def wanders(seed, ticks=200):
    """Yield targets (joints,) that jump, and the seconds between them."""
    rng = np.random.default_rng(seed)
    target = READY
    for tick in range(ticks):
        if tick % 20 == 0:
            target = rng.uniform(ROBOT.lower, ROBOT.upper)
        yield target, TICK * float(rng.choice([1.0, 1.0, 1.0, 0.2, 3.0]))


def test_frames_are_those_of_the_model():
    positions = np.random.default_rng(0).uniform(ROBOT.lower, ROBOT.upper, (50, 6))
    frames, poses = Frames(MODEL), MODEL.poses(positions)
    for link, computed in zip(frames.links, frames.poses(positions).swapaxes(0, 1), strict=True):
        np.testing.assert_allclose(computed, poses[link], atol=1e-12)


@pytest.mark.parametrize(
    'positions, text',
    [
        (DOWN, 'is in the table'),
        ([1.9, 0.8, -0.2, 0.0, 0.0, 0.0], 'the tool is '),
        (INTO_ITSELF, 'is in '),
    ],
)
def test_broken_rule_is_named(positions, text):
    assert text in WORKSPACE.objection(np.array(positions))


def test_arm_at_rest_breaks_no_rule():
    assert WORKSPACE.objection(READY) == ''


@pytest.mark.parametrize('seed', range(6))
def test_no_motion_ever_breaks_a_rule(seed):
    motion, before, commands = Motion(ROBOT, READY), READY, []
    denied = set()
    for target, elapsed in wanders(seed):
        command = motion.follow(target, elapsed)
        denied.add(motion.denied)
        commands.append(command)
        (speed,) = WORKSPACE.tool_speeds(before[None], command[None], np.array([elapsed]))
        assert speed <= ROBOT.safety.tool_speed
        assert (command <= ROBOT.upper + 1e-6).all() and (command >= ROBOT.lower - 1e-6).all()
        before = command
    assert WORKSPACE.clearance(np.array(commands)).min() >= -1e-6
    assert denied - {''}  # there was something to deny


@pytest.mark.parametrize('seed', range(3))
def test_arm_that_is_stopped_anywhere_breaks_no_rule_either(seed):
    rng = np.random.default_rng(seed)
    motion = Motion(ROBOT, READY)
    for target, elapsed in wanders(seed, 120):
        motion.follow(target, elapsed)
        if rng.random() < 0.1:
            stopping = Motion(ROBOT, motion.position, motion.velocity)
            while stopping.moving:
                stopping.stop(TICK * float(rng.uniform(0.2, 3.0)))
                assert WORKSPACE.clearance(stopping.position[None]).min() >= -1e-6


def test_arm_brakes_within_its_acceleration_with_all_joints_at_once():
    motion = Motion(ROBOT, READY)
    for _ in range(10):
        motion.follow(READY + [1.0, -0.2, -0.1, 0.1, 0.3, 0.1], TICK)
    way, before = motion.velocity / np.linalg.norm(motion.velocity), motion.velocity
    while motion.moving:
        motion.stop(TICK)
        assert (np.abs(before - motion.velocity) <= ROBOT.acceleration * TICK + 1e-9).all()
        np.testing.assert_allclose(motion.velocity, way * (motion.velocity @ way), atol=1e-9)
        before = motion.velocity


def test_arm_comes_close_to_what_it_may_not_cross():
    motion = Motion(ROBOT, READY)
    for _ in range(240):
        motion.follow(DOWN, TICK)
    assert 0.0 <= WORKSPACE.clearance(motion.position[None]).min() < 0.01
    assert motion.denied.endswith('is in the table')


@pytest.mark.parametrize('joint', [0, 5])
def test_joint_that_pushes_into_the_table_keeps_no_other_from_its_target(joint):
    motion, target = Motion(ROBOT, READY), DOWN.copy()
    for _ in range(240):
        motion.follow(target, TICK)
    target[joint] += 0.5
    for _ in range(120):
        motion.follow(target, TICK)
        assert WORKSPACE.clearance(motion.position[None]).min() >= -1e-6
    assert motion.position[joint] == pytest.approx(target[joint], abs=0.02)
    assert motion.position[1] < DOWN[1] - 0.1 and motion.denied.endswith('is in the table')


def test_joint_that_leaves_the_table_goes_on_while_another_pushes_into_it():
    motion = Motion(ROBOT, READY)
    for _ in range(240):
        motion.follow(DOWN, TICK)
    stuck = motion.position
    lowered = stuck + [0.0, 0.0, 0.2, 0.0, 0.0, 0.0]
    down = 1.0 if WORKSPACE.objection(lowered) else -1.0  # the way of the elbow into the table
    target = stuck + [0.0, -0.3, 1.5 * down, 0.0, 0.0, 0.0]
    for _ in range(240):
        motion.follow(target, TICK)
        assert WORKSPACE.clearance(motion.position[None]).min() >= -1e-6
    assert motion.position[1] == pytest.approx(target[1], abs=0.02)
    assert motion.denied.endswith('is in the table')


def test_arm_that_was_found_in_the_table_may_only_leave_it():
    clearance = WORKSPACE.clearance(DOWN[None]).min()
    assert clearance < 0
    deeper, out = Motion(ROBOT, DOWN), Motion(ROBOT, DOWN)
    for _ in range(120):
        deeper.follow(DOWN + [0, 0.1, 0, 0, 0, 0], TICK)
        out.follow(DOWN - [0, 0.9, 0, 0, 0, 0], TICK)
    assert WORKSPACE.clearance(deeper.position[None]).min() >= clearance - 1e-6
    assert WORKSPACE.objection(out.position) == ''


def test_target_within_the_rules_is_left_alone():
    free, bound = Motion(replace(ROBOT, safety=None), READY), Motion(ROBOT, READY)
    for tick in range(120):
        target = READY + 0.1 * np.sin(0.05 * tick)
        np.testing.assert_allclose(bound.follow(target, TICK), free.follow(target, TICK))
    assert bound.denied == ''


def test_slow_robot_has_a_slow_tool():
    assert ROBOT.slowed(0.3).safety.tool_speed == pytest.approx(0.3 * ROBOT.safety.tool_speed)
    assert replace(ROBOT, safety=None).slowed(0.3).safety is None


@given(st.lists(st.floats(-1, 1), min_size=12, max_size=12))
@settings(max_examples=200, deadline=None)
def test_distance_of_segments_is_the_least_between_their_points(numbers):
    a, b, c, d = np.array(numbers).reshape(4, 3)
    shares = np.linspace(0, 1, 60)[:, None]
    first, second = a + shares * (b - a), c + shares * (d - c)
    slow = np.linalg.norm(first[:, None] - second[None], axis=-1).min()
    found = float(segment_distance(a, b, c, d))
    assert found <= slow + 1e-6 and slow - found < 0.08  # what is shorter is taken for a point


SAFETY = {'lower': [-1, -1, 0], 'upper': [1, 1, 1], 'table': 0.0, 'tool_speed': 1.0}


@pytest.mark.parametrize(
    'change, complaint',
    [
        ({'lower': [2, 0, 0]}, 'x: lower 2.* is not below upper'),
        ({'lower': [0, 0]}, r'lower: got \[0, 0\], expected \[x, y, z\]'),
        ({'table': 'wood'}, "table: got 'wood', expected a number"),
        ({'tool_speed': 0.0}, 'tool_speed: got 0.0, expected above 0'),
        ({'speed': 1.0}, 'safety: got .*expected lower, may_touch, table, tool_speed, upper'),
        ({'may_touch': ['base_link']}, 'may_touch: got .*expected pairs of links'),
    ],
)
def test_what_is_wrong_with_a_workspace_is_named(tmp_path, change, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_robot(written(tmp_path, {**SAFETY, **change}))


def test_link_that_there_is_not_is_named(tmp_path):
    robot = load_robot(written(tmp_path, {**SAFETY, 'may_touch': [['base_link', 'nose']]}))
    with pytest.raises(ConfigError, match='may_touch: got nose, expected links of the URDF'):
        workspace_of(robot)


def test_links_that_may_touch_are_not_kept_apart():
    both = (('base_link', 'upper_arm_link'), ('upper_arm_link', 'wrist_link'))
    loose = Workspace(MODEL, ROBOT.tool, replace(ROBOT.safety, may_touch=both))
    assert loose.pairs < WORKSPACE.pairs


def test_workspace_without_a_urdf_is_refused(tmp_path):
    path = written(tmp_path, SAFETY, urdf=False)
    with pytest.raises(ConfigError, match='safety: expected urdf and tool too'):
        load_robot(path)


def written(folder, safety, urdf=True):
    """Write a robot's file with this workspace."""
    content = yaml.safe_load(PATH.read_text())
    if urdf:
        content['urdf'] = str(ROBOT.urdf)
    else:
        del content['urdf'], content['tool']
    path = folder / 'arm.yaml'
    path.write_text(yaml.safe_dump({**content, 'safety': safety}, sort_keys=False))
    return path
