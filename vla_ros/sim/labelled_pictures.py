# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Glances: pictures of random scenes, and where the bag lies in them.

Nobody has to demonstrate anything for these, and no glance shows the bag in the cluster that is
held out.
"""

from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from vla_ros.dataset.plan import TRAINING_CLUSTERS
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.robots.so101 import HOME, LOWER, UPPER
from vla_ros.sim.tea_bag.env import TeaBagEnv
from vla_ros.sim.tea_bag.scene import CAMERAS

SPREAD = np.array([0.7, 0.5, 0.5, 0.5, 1.0, 0.4])  # rad, of the arm where it is not at home
AT_HOME = 0.5  # share of the scenes
BLOCK = 64  # scenes that a worker draws at a time


class Glances(NamedTuple):
    """What the cameras show, and the bag's pose in it."""

    images: dict[str, np.ndarray]  # camera -> (n, height, width, 3) uint8
    place: np.ndarray  # (n, 2) m
    yaw: np.ndarray  # (n,) rad; the bag looks the same after half a turn


def draw_glances(count: int, width: int, height: int, seed: int, workers: int = 1) -> Glances:
    """Return ``count`` random scenes as the cameras see them; equal seeds give equal ones."""
    blocks = [(seed, first, width, height) for first in range(0, count, BLOCK)]
    if workers == 1:
        parts = [_draw(*block) for block in blocks]
    else:
        with get_context('spawn').Pool(workers) as pool:
            parts = pool.starmap(_draw, blocks, chunksize=1)
    images = {
        camera: np.concatenate([part.images[camera] for part in parts])[:count]
        for camera in CAMERAS
    }
    return Glances(
        images,
        np.concatenate([part.place for part in parts])[:count],
        np.concatenate([part.yaw for part in parts])[:count],
    )


def _draw(seed: int, first: int, width: int, height: int) -> Glances:
    rng = np.random.default_rng([seed, first])
    env = TeaBagEnv()
    renderer = Renderer(env.scene, width, height)
    images = {camera: np.empty((BLOCK, height, width, 3), np.uint8) for camera in CAMERAS}
    place, yaw = np.empty((BLOCK, 2), np.float32), np.empty(BLOCK, np.float32)
    for i in range(BLOCK):
        env.reset(int(rng.integers(2**31)), int(rng.choice(TRAINING_CLUSTERS)))
        if rng.random() > AT_HOME:
            joints = HOME + SPREAD * rng.normal(0, 1, len(HOME))
            env.data.qpos[: len(HOME)] = np.clip(joints, LOWER, UPPER)
        state = env.scene.state()
        env.scene.apply(state)  # computes where everything is now
        place[i], yaw[i] = env.bag_position[:2], state.bag_yaw
        for camera in CAMERAS:
            images[camera][i] = renderer.render(camera)
    renderer.close()
    return Glances(images, place, yaw)
