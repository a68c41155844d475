# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The policies in config/policies are whole, and fit the simulation that they were trained in."""

import numpy as np
import pytest

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.placement import NodePlacement, Placement

POLICIES = sorted(
    path.parent.name
    for path in find_config('policies', 'tea_bag_act').parent.glob('*/policy.json')
)


@pytest.mark.parametrize('name', POLICIES)
def test_shipped_policy_answers_what_the_simulation_shows(name):
    pytest.importorskip('mujoco')
    from vla_ros.sim.renderer import Renderer
    from vla_ros.sim.task import TaskChoice

    policy = Policy(
        load_bundle(find_config('policies', name)), Placement(default=NodePlacement(threads=1))
    )
    robot = load_robot(find_config('robots', 'so101'))
    env = TaskChoice().make()
    env.reset(2**31, 4)
    images = {}
    for camera in policy.spec.cameras:
        renderer = Renderer(env.scene, camera.width, camera.height)
        images[camera.name] = renderer.render(camera.name)
        renderer.close()
    actions, seconds = policy.predict(images, env.positions)
    assert policy.spec.joint_names == robot.joint_names
    assert actions.shape == (policy.spec.chunk_size, len(robot.joint_names))
    assert np.abs(actions[0] - env.positions).max() < 0.5  # goes on from where the arm is
    assert (actions > robot.lower - 0.1).all() and (actions < robot.upper + 0.1).all()
    assert set(seconds) == {'vision_encoder', 'llm_backbone', 'action_expert'}
    for stage in (policy.vision_encoder, policy.llm_backbone, policy.action_expert):
        assert stage.session.answer_error < 1e-4
