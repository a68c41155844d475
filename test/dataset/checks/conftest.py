# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings for the checks: made up ones, and simulated ones with something wrong in them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from vla_ros.dataset.checks.episodes import Episode, Episodes, Facts
from vla_ros.dataset.checks.picture_statistics import look_at
from vla_ros.dataset.plan import find_plan

FPS, PAIRS = 30.0, 12
NAMES = ('pan', 'lift', 'grip')
KEYS = ('observation.state', 'action', 'observation.images.top', 'timestamp', 'episode_index')


def make_episode(index: int = 0, rows: int = 240, facts: Facts | None = None) -> Episode:
    """Return an episode without cameras whose three joints swing."""
    time = np.arange(rows) / FPS
    state = np.sin(np.outer(time + 0.3 * index, [0.9, 1.3, 1.7]))
    return Episode(index, time, state, state, np.arange(0, rows - 1, 20), {}, facts or Facts())


def make_recording(starts: int = 10, recoveries: int = 2, seed: int = 0) -> Episodes:
    """Return a recording after the study's plan, without cameras."""
    rng = np.random.default_rng(seed)
    plan = replace(find_plan('tea_bag'), starts=starts, recoveries=recoveries).episodes()
    episodes = [
        make_episode(
            planned.index,
            int(rng.integers(200, 420)),
            Facts(
                planned.cluster,
                planned.recovery,
                rng.uniform(-np.pi / 2, np.pi / 2),
                {'arm.json': 'a1', 'leader.json': 'b2'},
                0.017,
            ),
        )
        for planned in plan
    ]
    return Episodes(episodes, FPS, KEYS, NAMES, NAMES, pictures=KEYS[2:3])


@pytest.fixture
def recording() -> Episodes:
    """Return a made-up recording that has nothing wrong."""
    return make_recording()


@pytest.fixture(scope='session')
def demonstrations():
    """Return four episodes of the expert in simulation."""
    pytest.importorskip('mujoco')
    from vla_ros.sim.episode import demonstrate
    from vla_ros.sim.task import TaskChoice

    env = TaskChoice().make()
    plan = replace(
        find_plan('tea_bag').only((2, 5, 8, 11)), starts=1, recoveries=0, seed=21
    ).episodes()
    return [demonstrate(env, planned) for planned in plan]


@pytest.fixture(scope='session')
def film(demonstrations):
    """
    Return a function that films the demonstrations at 128 x 96 pixels.

    It takes what to change in the scene first, the brightness of the lights, and what to do to
    the pictures (pairs, 2, height, width, 3) of each camera.
    """
    from vla_ros.sim.renderer import Renderer
    from vla_ros.sim.tea_bag.scene import TeaBagScene
    from vla_ros.sim.tea_bag.task import TeaBag

    def shoot(demonstration, scene, renderer, light):
        pairs = np.linspace(0, len(demonstration.steps) - 2, PAIRS).astype(int)
        pictures = []
        for row in np.stack([pairs, pairs + 1], axis=1).ravel():
            state = demonstration.steps[row].scene
            scene.apply(state.lit(light))
            pictures.append([renderer.render(camera) for camera in TeaBag.cameras])
        by_camera = np.array(pictures).swapaxes(0, 1)
        return pairs, {
            camera: taken.reshape(PAIRS, 2, *taken.shape[1:])
            for camera, taken in zip(TeaBag.cameras, by_camera, strict=True)
        }

    def film(
        change: Callable = lambda model: None,
        light: float = 1.0,
        retouch: Callable = lambda camera, pictures: pictures,
    ) -> Episodes:
        scene = TeaBagScene()
        change(scene.model)
        renderer = Renderer(scene, 128, 96)
        episodes = []
        for index, demonstration in enumerate(demonstrations):
            pairs, taken = shoot(demonstration, scene, renderer, light)
            looks = {
                camera: look_at(retouch(camera, pictures)) for camera, pictures in taken.items()
            }
            state = np.array([step.scene.qpos[:6] for step in demonstration.steps])
            episodes.append(
                Episode(
                    index,
                    np.arange(len(state)) / FPS,
                    state,
                    state,
                    pairs,
                    looks,
                    Facts(demonstration.cluster, ''),
                )
            )
        renderer.close()
        return Episodes(episodes, FPS)

    return film


@pytest.fixture(scope='session')
def clean(film) -> Episodes:
    """Return the demonstrations as they are."""
    return film()
