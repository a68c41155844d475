# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the cameras see."""

import numpy as np
import pytest

pytest.importorskip('mujoco')

from vla_ros.core.errors import VlaError
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.task import TaskChoice
from vla_ros.sim.tea_bag.scene import TeaBagScene
from vla_ros.sim.tea_bag.task import TeaBag


@pytest.fixture(scope='module')
def view():
    scene = TeaBagScene()
    renderer = Renderer(scene, 128, 96)
    yield scene, renderer
    renderer.close()


def test_another_process_draws_the_same_picture_from_the_state(view):
    scene, renderer = view
    env = TaskChoice().make()
    env.reset(1, 9)
    env.scene.apply(env.scene.state())
    own = Renderer(env.scene, 128, 96)
    scene.apply(env.scene.state())
    for camera in TeaBag.cameras:
        assert np.array_equal(own.render(camera), renderer.render(camera))
    own.close()


def test_every_camera_sees_the_white_bag(view):
    scene, renderer = view
    env = TaskChoice().make()
    env.reset(2, 9)
    scene.apply(env.scene.state())
    for camera in ('top', 'left'):
        picture = renderer.render(camera).astype(int)
        assert picture.shape == (96, 128, 3)
        assert (picture.min(axis=2) > 190).sum() > 4


def test_less_light_gives_a_darker_picture(view):
    scene, renderer = view
    env = TaskChoice().make()
    env.reset(2, 9)
    state = env.scene.state()
    scene.apply(state)
    bright = renderer.render('top').mean()
    scene.light(0.4)
    assert renderer.render('top').mean() < 0.7 * bright


def test_unknown_camera_is_named_with_those_that_exist(view):
    with pytest.raises(VlaError, match="'rear' is not in the scene: expected one of top"):
        view[1].render('rear')
