# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Arrays of the simulation: the same ones again, labelled truly, and never of what is held out."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('mujoco')

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.dataset.plan import PlannedEpisode, find_plan
from vla_ros.sim.labelled_pictures import (
    Corrections,
    Demonstrations,
    Gallery,
    Mover,
    Scenes,
    instructions,
    record_arrays,
)
from vla_ros.sim.renderer import Renderer, project
from vla_ros.sim.task import TaskChoice
from vla_ros.sim.tea_bag.labels import THINGS, Labeller
from vla_ros.sim.tea_bag.scene import TeaBagScene
from vla_ros.sim.tea_bag.task import TeaBag

PLAN = find_plan('tea_bag')

SIZES = {'top': (48, 64), 'left': (24, 32), 'gripper': (24, 32)}


@pytest.fixture(scope='module')
def scenes():
    return Scenes(24, SIZES, seed=3).record(0)


def test_scenes_are_those_of_their_seed(scenes):
    again, other = (Scenes(24, SIZES, seed).record(0) for seed in (3, 4))
    assert all(np.array_equal(again.images[name], scenes.images[name]) for name in TeaBag.cameras)
    assert not np.array_equal(other.labels['top'], scenes.labels['top'])


def test_label_is_where_the_bag_is_seen():
    scene = TeaBagScene()
    env = TaskChoice().make()
    renderer = Renderer(scene, 256, 192)
    for seed, cluster in enumerate(PLAN.clusters):
        env.reset(seed, cluster)
        scene.apply(env.scene.state())
        bag = Labeller(scene, PLAN).label('top', 192, 256)[THINGS.index('bag')]
        with_bag = renderer.render('top').astype(int)
        state = env.scene.state()
        state.qpos[8] = -1.0  # under the table
        scene.apply(state)
        changed = np.abs(renderer.render('top').astype(int) - with_bag).max(axis=2) > 12
        rows, columns = np.nonzero(changed)
        assert abs(np.median(columns) - bag[0]) < 3 and abs(np.median(rows) - bag[1]) < 3
        points = np.column_stack([columns, rows]) - np.median([columns, rows], axis=1)
        _, axes = np.linalg.eigh(np.cov(points.T))
        angle = 2 * np.arctan2(axes[1, 1], axes[0, 1])
        assert abs(np.cos(angle) * bag[3] - np.sin(angle) * bag[2]) < 0.5
    renderer.close()


def test_bag_that_is_out_of_the_picture_or_behind_the_camera_has_no_label(scenes):
    scene = TeaBagScene()
    above = np.array([[0.14, 0.0, 2.0]])  # behind the top camera
    assert project(scene, 'top', 48, 64, above)[0, 2] < 0
    assert np.isnan(scenes.labels['gripper'][:, 0]).all(axis=1).any()
    assert np.isfinite(scenes.labels['top'][:, :, :2]).all()


def test_moved_scene_shows_the_same_somewhere_else_and_its_labels_know_where(scenes):
    moved = Scenes(24, SIZES, seed=3, move=0.2).record(0)
    assert np.array_equal(moved.state, scenes.state)
    still, label = (part.labels['top'][:, THINGS.index('bag')] for part in (scenes, moved))
    shown = np.flatnonzero(np.isfinite(label[:, 0]))
    by = (label - still)[shown, :2]
    assert len(shown) > 12 and (by.std(axis=0) > 3).all()
    assert (np.abs(by) <= (0.2 * 64, 0.2 * 48)).all()
    assert np.array_equal(label[shown, 2:], still[shown, 2:])
    for number, (right, down) in zip(shown, by.round().astype(int), strict=True):
        before, after = (part.images['top'][number] for part in (scenes, moved))
        there = after[max(down, 0) : 48 + min(down, 0), max(right, 0) : 64 + min(right, 0)]
        here = before[max(-down, 0) : 48 - max(down, 0), max(-right, 0) : 64 - max(right, 0)]
        assert np.array_equal(here, there)


def test_what_is_moved_out_of_a_picture_has_no_label():
    label = np.array([[1.0, 2.0, 1.0, 0.0, 0.0], [30.0, 20.0, 1.0, 0.0, 1.0]], np.float32)
    image = np.zeros((48, 64, 3), np.uint8)
    mover = Mover(np.random.default_rng(0), 0.1)
    moved = np.array([mover(image, label)[1] for _ in range(40)])
    gone = np.isnan(moved[:, 0]).all(axis=1)
    assert 0.3 < gone.mean() < 0.95 and np.isfinite(moved[:, 1]).all()
    assert (moved[~gone, 0, :2] >= 0).all()


def test_mug_has_a_place_and_no_axis(scenes):
    mug = scenes.labels['top'][:, THINGS.index('mug')]
    assert np.isfinite(mug[:, :2]).all() and np.isnan(mug[:, 2:]).all()


def test_no_picture_shows_a_bag_that_lies_in_the_cluster_that_is_held_out():
    env = TaskChoice().make()
    gallery = Gallery(env, SIZES)
    drawn = []
    for cluster in PLAN.clusters:
        env.reset(1, cluster)
        drawn.append(env.scene.state())
    for state in drawn:
        gallery.add([state], ['home'])
    part = gallery.part()
    assert len(part.rows) == len(PLAN.clusters) - 1
    assert list(part.rows) == [row for row, c in enumerate(PLAN.clusters) if c != PLAN.held_out]


@pytest.fixture(scope='module')
def corrections():
    plan = [PlannedEpisode(0, 5, '', 8), PlannedEpisode(1, 7, '', 9)]
    bundle = find_config('policies', 'tea_bag_act')
    return Corrections(plan, SIZES, bundle, (0.2, 0.8), interval=0.8, seconds=20 / 30).record(0)


def test_corrections_are_short_episodes_with_one_picture_each(corrections):
    assert len(corrections.rows) > 8
    ends = corrections.end[corrections.rows]
    assert np.array_equal(corrections.rows, [0, *ends[:-1]])
    assert (ends - corrections.rows).max() == 20 and np.median(ends - corrections.rows) == 20
    ahead = np.abs(corrections.action[corrections.rows] - corrections.state[corrections.rows])
    assert np.median(ahead[:, :5]) < 0.1


@pytest.mark.parametrize('kind', ['demonstrations', 'corrections', 'scenes'])
def test_no_training_picture_is_of_the_held_out_cluster(kind, corrections, scenes):
    plan = replace(PLAN.only((5, 7)), starts=1, recoveries=1, seed=3).episodes()
    part = {
        'demonstrations': lambda: Demonstrations(plan, SIZES, stride=10).record(0),
        'corrections': lambda: corrections,
        'scenes': lambda: scenes,
    }[kind]()
    corners = np.array([[0.1, 0.0, 0.01], [0.2, 0.1, 0.01]])
    first, last = np.sort(project(TeaBagScene(), 'top', 48, 64, corners)[:, :2], axis=0)
    bag = part.labels['top'][:, THINGS.index('bag')]
    inside = ((bag[:, :2] > first) & (bag[:, :2] < last)).all(axis=1)
    assert not (inside & (bag[:, 4] < 0.5)).any()


def test_interrupted_recording_goes_on_and_another_one_does_not(tmp_path):
    recorder = Scenes(6, SIZES, scenes_per_part=2)
    root = tmp_path / 'scenes'

    def interrupt(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_arrays(root, recorder, 1, interrupt)
    progress = []
    dataset = record_arrays(root, recorder, 1, lambda done, total: progress.append(done))
    assert progress[0] >= 1 and progress[-1] == 3
    whole = np.concatenate([part.labels['top'] for part in dataset.parts()])
    once = Scenes(6, SIZES).record(0).labels['top']
    assert np.array_equal(whole, once, equal_nan=True)
    with pytest.raises(ConfigError, match='another command'):
        record_arrays(root, Scenes(6, SIZES, seed=1, scenes_per_part=2))


def test_demonstrations_say_in_words_what_each_was_asked_for(tmp_path):
    plan = replace(PLAN.only((5,)), starts=1, recoveries=0, goals=('mug', 'saucer')).episodes()
    recorder = Demonstrations(plan, SIZES, noisy=0.0, stride=200)
    dataset = record_arrays(tmp_path / 'both', recorder)
    (part,) = dataset.parts()
    first, last = (dataset.spec.instructions[part.instruction[row]] for row in (0, -1))
    assert first in TeaBag.goals['mug'].taught and last in TeaBag.goals['saucer'].taught


def test_beginnings_are_the_first_rows_of_demonstrations_and_nobody_knows_what_follows():
    plan = replace(PLAN.only((5,)), starts=1, recoveries=0).episodes()
    whole = Demonstrations(plan, SIZES, noisy=1.0, stride=20)
    beginning = Demonstrations(plan, SIZES, noisy=1.0, stride=20, seconds=1.5)
    assert whole.rests and not beginning.rests
    cut, all_of_it = beginning.record(0), whole.record(0)
    assert len(cut.action) == 45 < len(all_of_it.action)
    assert np.array_equal(cut.action, all_of_it.action[:45])
    assert list(cut.rows) == [0, 20, 40] and set(cut.end) == {45}


def test_goal_that_changes_makes_two_episodes_each_told_what_was_asked_then():
    plan = [PlannedEpisode(0, 5, '', 8, 'mug', then='saucer')]
    recorder = Demonstrations(plan, SIZES, noisy=0.0, stride=10)
    part = recorder.record(0)
    assert not recorder.rests
    (changed, end) = np.unique(part.end)
    told = [instructions(TaskChoice().make())[number] for number in part.instruction]
    assert set(told[:changed]) <= set(TeaBag.goals['mug'].taught)
    assert set(told[changed:]) <= set(TeaBag.goals['saucer'].taught)
    assert len({*told[:changed]}) == len({*told[changed:]}) == 1 and end == len(told)
    assert part.labels['top'][part.rows >= changed][0, 0, 4] == 1  # the bag is held
