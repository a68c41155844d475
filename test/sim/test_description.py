# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The arm that RViz draws is the arm that MuJoCo moves."""

from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest

from vla_ros.core.config import find_config
from vla_ros.core.kinematics import robot_model
from vla_ros.core.robot import load_robot
from vla_ros.sim.tea_bag.scene import TeaBagScene
from vla_ros.sim.tea_bag.task import TeaBag

BODIES = {
    'base': 'base_link',
    'shoulder': 'shoulder_link',
    'upper_arm': 'upper_arm_link',
    'lower_arm': 'lower_arm_link',
    'wrist': 'wrist_link',
    'gripper': 'gripper_link',
    'jaw': 'moving_jaw_link',
}
SO101 = load_robot(find_config('robots', 'so101'))


@pytest.fixture(scope='module')
def scene():
    return TeaBagScene(8, 8)


def test_urdf_and_mujoco_put_every_link_and_the_tool_in_the_same_place(scene):
    model, largest = robot_model(SO101), 0.0
    for positions in np.random.default_rng(0).uniform(SO101.lower, SO101.upper, (200, 6)):
        scene.data.qpos[:6] = positions
        mujoco.mj_forward(scene.model, scene.data)
        poses = model.poses(positions)
        for body, link in BODIES.items():
            data = scene.data.body(body)
            np.testing.assert_allclose(poses[link][:3, :3].ravel(), data.xmat, atol=1e-6)
            largest = max(largest, np.linalg.norm(poses[link][:3, 3] - data.xpos))
        grasp = scene.data.site('grasp').xpos
        largest = max(largest, np.linalg.norm(poses[SO101.tool][:3, 3] - grasp))
    assert largest < 1e-4  # m


def test_camera_frames_are_optical_frames_of_the_simulated_cameras(scene):
    positions = np.linspace(-0.6, 0.6, 6)
    scene.data.qpos[:6] = positions
    mujoco.mj_forward(scene.model, scene.data)
    for camera in TeaBag.cameras:
        pose = robot_model(SO101).pose(f'camera_{camera}_optical_frame', positions)
        drawn = scene.data.camera(camera)
        right, up, back = drawn.xmat.reshape(3, 3).T
        np.testing.assert_allclose(pose[:3, 3], drawn.xpos, atol=1e-4)
        np.testing.assert_allclose(pose[:3, :3].T, [right, -up, -back], atol=1e-4)


def test_limits_masses_and_inertias_are_the_same(scene):
    links = {
        link.get('name'): link.find('inertial')
        for link in ElementTree.parse(SO101.urdf).getroot().iterfind('link')
    }
    for body, link in BODIES.items():
        if body == 'base':  # it does not move; KDL wants none at the root
            assert links[link] is None
            continue
        number, inertial = scene.model.body(body).id, links[link]
        assert float(inertial.find('mass').get('value')) == scene.model.body_mass[number]
        centre = [float(word) for word in inertial.find('origin').get('xyz').split()]
        np.testing.assert_allclose(centre, scene.model.body_ipos[number])
        diagonal = [float(inertial.find('inertia').get(f'i{x}{x}')) for x in 'xyz']
        np.testing.assert_allclose(diagonal, scene.model.body_inertia[number])
    for index, name in enumerate(SO101.joint_names):
        joint = scene.model.joint(name)
        assert joint.range.tolist() == [SO101.lower[index], SO101.upper[index]]


def test_every_shape_of_the_simulated_arm_is_drawn(scene):
    for body, link in BODIES.items():
        number = scene.model.body(body).id
        kinds = scene.model.geom_type[scene.model.geom_bodyid == number]
        balls = 2 * int((kinds == mujoco.mjtGeom.mjGEOM_CAPSULE).sum())  # the ends of a capsule
        assert len(robot_model(SO101).links[link].visuals) == len(kinds) + balls
