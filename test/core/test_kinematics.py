# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A URDF says where each link is; what is wrong in one is named."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.kinematics import load_model, parse_model, robot_model
from vla_ros.core.robot import RobotSpec, load_robot

LIMIT = '<limit lower="-1" upper="2" velocity="3" effort="1"/>'


def joint(name, kind, parent, child, inside=LIMIT):
    ends = f'<parent link="{parent}"/><child link="{child}"/>'
    return f'<joint name="{name}" type="{kind}">{ends}{inside}</joint>'


def robot(*joints, links='abc', more=''):
    return (
        f'<robot name="r">{more}'
        + ''.join(f'<link name="{x}"/>' for x in links)
        + ''.join(joints)
        + '</robot>'
    )


TWO = robot(
    joint('turn', 'revolute', 'a', 'b', LIMIT + '<origin xyz="0 0 1"/><axis xyz="0 0 2"/>'),
    joint('slide', 'prismatic', 'b', 'c', LIMIT + '<origin xyz="1 0 0"/><axis xyz="1 0 0"/>'),
)


def test_a_turning_and_a_sliding_joint_add_up():
    model = parse_model(TWO)
    assert (model.joint_names, model.root) == (('turn', 'slide'), 'a')
    pose = model.pose('c', np.array([np.pi / 2, 0.5]))
    np.testing.assert_allclose(pose[:3, 3], [0.0, 1.5, 1.0], atol=1e-12)
    np.testing.assert_allclose(pose[:3, 0], [0.0, 1.0, 0.0], atol=1e-12)


def test_a_path_gives_the_poses_of_its_rows():
    model = parse_model(TWO)
    path = np.random.default_rng(0).uniform(-1, 1, (4, 5, 2))
    poses = model.poses(path)
    assert poses['a'].shape == poses['c'].shape == (4, 5, 4, 4)
    np.testing.assert_array_equal(poses['c'], model.pose('c', path))
    np.testing.assert_allclose(poses['c'][2, 3], model.pose('c', path[2, 3]))


@settings(deadline=None)
@given(st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6))
def test_every_pose_of_the_shipped_arm_is_a_rotation_and_a_shift(positions):
    model = robot_model(load_robot(find_config('robots', 'so101')))
    for pose in model.poses(np.array(positions)).values():
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-9)
        assert np.linalg.det(pose[:3, :3]) > 0 and (pose[3] == [0, 0, 0, 1]).all()


def test_roll_pitch_and_yaw_turn_about_fixed_axes_in_that_order():
    origin = '<origin rpy="1.5707963267948966 0 1.5707963267948966"/>'
    pose = parse_model(robot(joint('j', 'fixed', 'a', 'b', origin), links='ab')).pose(
        'b', np.empty(0)
    )
    np.testing.assert_allclose(pose[:3, 1], [0, 0, 1], atol=1e-12)  # y, rolled up, stays there


def test_a_joint_that_mimics_another_follows_it():
    follower = LIMIT + '<mimic joint="one" multiplier="-2" offset="0.5"/><axis xyz="0 0 1"/>'
    model = parse_model(
        robot(
            joint('one', 'continuous', 'a', 'b', '<axis xyz="0 0 1"/>'),
            joint('two', 'prismatic', 'a', 'c', follower),
        )
    )
    assert model.joint_names == ('one',)
    assert model.pose('c', np.array([0.1]))[2, 3] == pytest.approx(0.3)


def test_columns_follow_the_robot_and_not_the_file():
    so101 = load_robot(find_config('robots', 'so101'))
    order = [3, 1, 5, 0, 2, 4]
    shuffled = replace(
        so101,
        joint_names=tuple(so101.joint_names[i] for i in order),
        **{key: getattr(so101, key)[order] for key in ('lower', 'upper', 'velocity')},
    )
    positions = np.linspace(-0.5, 0.5, 6)
    np.testing.assert_allclose(
        robot_model(shuffled).pose(so101.tool, positions[order]),
        robot_model(so101).pose(so101.tool, positions),
    )


def test_shapes_are_read_with_their_place_and_colour_and_meshes_are_left_out():
    visual = '<visual><origin xyz="1 2 3"/><geometry><{}/></geometry><material name="m"/></visual>'
    bodies = 'box size="1 2 3"', 'cylinder radius="1" length="2"', 'capsule radius="1" length="2"'
    inside = ''.join(visual.format(body) for body in (*bodies, 'mesh filename="x.stl"'))
    material = '<material name="m"><color rgba="1 0 0 1"/></material>'
    model = parse_model(f'<robot name="r">{material}<link name="a">{inside}</link></robot>')
    shapes = model.links['a'].visuals
    assert [(shape.kind, shape.size) for shape in shapes] == [
        ('box', (1.0, 2.0, 3.0)),
        ('cylinder', (1.0, 2.0)),
        ('capsule', (1.0, 2.0)),
    ]
    assert shapes[0].colour == (1.0, 0.0, 0.0, 1.0)
    assert shapes[0].origin[:3, 3].tolist() == [1.0, 2.0, 3.0]


def test_the_shipped_urdf_has_exactly_the_limits_of_its_robot():
    so101 = load_robot(find_config('robots', 'so101'))
    joints = [robot_model(so101).joint(name) for name in so101.joint_names]
    assert [joint.lower for joint in joints] == so101.lower.tolist()
    assert [joint.upper for joint in joints] == so101.upper.tolist()
    assert [joint.velocity for joint in joints] == so101.velocity.tolist()


@pytest.mark.parametrize(
    ('change', 'complaint'),
    [
        ({'upper': 4.0}, r'so101\.urdf: joint shoulder_pan: got -1.92 to 1.92 .* to 4.0'),
        ({'lower': -2.0}, 'joint shoulder_pan: got .* goes from -2.0'),
        ({'velocity': 5.5}, 'joint shoulder_pan: got .* at 5.5/s'),
    ],
)
def test_a_robot_may_not_go_further_or_faster_than_its_urdf(change, complaint):
    so101 = load_robot(find_config('robots', 'so101'))
    for key, value in change.items():
        limits = getattr(so101, key).copy()
        limits[0] = value
        so101 = replace(so101, **{key: limits})
    with pytest.raises(ConfigError, match=complaint):
        robot_model(so101)


def test_a_robot_may_be_narrower_than_its_urdf():
    so101 = load_robot(find_config('robots', 'so101'))
    robot_model(replace(so101, lower=0.9 * so101.lower, velocity=0.5 * so101.velocity))


def test_robot_and_urdf_have_the_same_joints_and_the_tool_is_a_link():
    so101 = load_robot(find_config('robots', 'so101'))
    with pytest.raises(ConfigError, match='got joints .*gripper, expected those of robot so101'):
        robot_model(replace(so101, joint_names=(*so101.joint_names[:5], 'claw')))
    with pytest.raises(ConfigError, match="got frame 'tip', expected one of base_link"):
        robot_model(replace(so101, tool='tip'))
    with pytest.raises(ConfigError, match='got no urdf'):
        robot_model(replace(so101, urdf=None))


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('<robot', 'no XML'),
        ('<model/>', 'got the element <model>, expected <robot>'),
        (robot(joint('j', 'floating', 'a', 'b')), "joint j: got type 'floating', expected one of"),
        (robot(joint('j', 'fixed', 'a', 'x')), "joint j: got link 'x', which is not there"),
        (robot(joint('j', 'fixed', 'a', 'b')), r"got roots \['a', 'c'\]"),
        (
            robot(joint('j', 'fixed', 'a', 'c'), joint('k', 'fixed', 'b', 'c')),
            'link c: hangs on two joints',
        ),
        (
            robot(joint('j', 'fixed', 'b', 'c'), joint('k', 'fixed', 'c', 'b')),
            'go round in a circle',
        ),
        (robot(joint('j', 'revolute', 'a', 'b', '')), 'joint j: got no <limit>'),
        (robot('<joint name="j" type="fixed"/>'), 'joint j: got no <parent link=...>'),
        (
            robot(joint('j', 'fixed', 'a', 'b', '<origin xyz="0 0"/>')),
            "j: origin: got '0 0', expected 3 finite numbers",
        ),
        (
            robot(joint('j', 'revolute', 'a', 'b', LIMIT + '<axis xyz="0 0 0"/>')),
            'axis: got 0 0 0, expected a direction',
        ),
        (
            robot(joint('j', 'revolute', 'a', 'b', LIMIT.replace('"2"', '"far"'))),
            "joint j: upper: got 'far', expected 1 finite numbers",
        ),
        (
            robot(joint('j', 'revolute', 'a', 'b', LIMIT + '<mimic joint="k"/>'), links='ab'),
            "joint j: mimics 'k', which does not move",
        ),
    ],
)
def test_what_is_wrong_in_a_urdf_is_named(tmp_path, text, complaint):
    path = tmp_path / 'arm.urdf'
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as error:
        load_model(path)
    assert str(error.value).startswith(f'{path}: ')


def test_a_urdf_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match='arm.urdf: cannot be read'):
        load_model(tmp_path / 'arm.urdf')


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        (
            robot(joint('j', 'fixed', 'a', 'b'), joint('j', 'fixed', 'b', 'c')),
            "<joint>: got the name 'j' 2 times, expected one for each",
        ),
        (robot(joint('j', 'fixed', 'a', 'b'), links='abb'), "<link>: got the name 'b' 2 times"),
        (robot(joint('', 'fixed', 'a', 'b'), links='ab'), "<joint>: got the name '' 1 times"),
        ('<robot name="r"><link/></robot>', "<link>: got the name '' 1 times"),
    ],
)
def test_links_and_joints_have_names_of_their_own(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        parse_model(text)


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'iso-8859-1', 'utf-16'])
def test_a_urdf_is_read_in_the_encoding_that_it_declares(tmp_path, encoding):
    declared = encoding.removesuffix('-sig')
    text = robot(joint('drehgelenk_ä', 'revolute', 'a', 'b', LIMIT), links='ab')
    path = tmp_path / 'arm.urdf'
    path.write_bytes(f'<?xml version="1.0" encoding="{declared}"?>{text}'.encode(encoding))
    assert load_model(path).joint_names == ('drehgelenk_ä',)


def test_a_long_chain_is_no_deep_recursion():
    links = ''.join(f'<link name="l{i}"/>' for i in range(3000))
    joints = ''.join(joint(f'j{i}', 'fixed', f'l{i}', f'l{i + 1}') for i in range(2999))
    model = parse_model(f'<robot name="r">{links}{joints}</robot>')
    assert [item.name for item in model.chain('l2999')] == [f'j{i}' for i in range(2999)]


@pytest.mark.parametrize('sliding', [True, False])
def test_a_joint_slides_in_both_files_or_in_none(tmp_path, sliding):
    urdf = tmp_path / 'arm.urdf'
    kind = 'revolute' if sliding else 'prismatic'
    urdf.write_text(robot(joint('j', kind, 'a', 'b', LIMIT), links='ab'))
    limits = (np.array([value]) for value in (0.0, 0.1, 0.1, 1.0))
    arm = RobotSpec('arm', ('j',), *limits, urdf, 'b', prismatic=('j',) if sliding else ())
    first, second = ('arm', urdf) if sliding else (urdf, 'arm')
    with pytest.raises(ConfigError, match=rf'j: slides \(m\) in {first} and turns .* in {second}'):
        robot_model(arm)
