# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What every task has to keep, as tests for pytest.

A test of one's own inherits the class and says which task::

    class TestSorting(TaskConformance):
        task = TaskChoice('my_package.sorting:Sorting', 'sorting.yaml')
"""

from typing import ClassVar

import numpy as np
import pytest

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset.arrays import LABEL
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.sim.episode import attempt_episode
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.task import Task, TaskChoice

RATE = 30.0  # Hz
LONGEST = 60.0  # s, of a demonstration


class TaskConformance:
    """The promise of Task."""

    task: ClassVar[TaskChoice]

    @pytest.fixture
    def made(self) -> Task:
        """Return a new task."""
        return self.task.make(RATE)

    def test_facts_name_robot_cameras_phases_and_goals(self, made: Task) -> None:
        """What is stored and asked for has names, and the arm comes first in the model."""
        joints = [made.model.joint(name) for name in made.arm.joint_names]
        assert [joint.qposadr[0] for joint in joints] == list(range(len(joints)))
        assert made.cameras and made.phases and made.goals
        assert all(name == goal.name for name, goal in made.goals.items())
        made.find_goal('')
        with pytest.raises(ConfigError, match='expected one of'):
            made.find_goal('no goal has this name')

    def test_every_sentence_asks_for_one_goal(self, made: Task) -> None:
        """No sentence is said for two goals, and what is held out is not taught."""
        said = [s for goal in made.goals.values() for s in (*goal.taught, *goal.held_out)]
        assert len(set(said)) == len(said)
        for goal in made.goals.values():
            assert all(made.goal_of(s) is goal for s in (*goal.taught, *goal.held_out))
            assert goal.phrase(np.random.default_rng(0)) in goal.taught

    def test_equal_seeds_and_targets_give_equal_states(self, made: Task) -> None:
        """An episode can be played again, also by another instance."""
        states = []
        for task in (made, self.task.make(RATE)):
            task.reset(5, task.plan.training[-1])
            for _ in range(20):
                task.step(task.positions + 0.02)
            states.append(task.scene.state())
        assert np.array_equal(states[0].qpos, states[1].qpos)
        assert states[0].values == states[1].values
        made.reset(6, made.plan.training[-1])
        assert made.scene.state().values != states[0].values

    def test_time_passes_in_steps_alone(self, made: Task) -> None:
        """A reset begins at 0, and a step takes one period."""
        made.reset(1, made.plan.training[0])
        assert made.time == 0.0
        made.step(made.positions)
        assert made.time == pytest.approx(1 / RATE)

    @pytest.mark.parametrize('seed', range(3))
    def test_no_episode_begins_where_it_should_end(self, made: Task, seed: int) -> None:
        """Every cluster and every goal has something to do."""
        for cluster in made.plan.clusters:
            for goal in made.goals:
                made.reset(seed, cluster, goal)
                assert made.goal.name == goal and (made.seed, made.cluster) == (seed, cluster)
                assert not (made.success or made.at_other_goal or made.under_way)

    def test_unknown_cluster_goal_and_rate_are_refused(self, made: Task) -> None:
        """Nothing is set up for what is not there."""
        with pytest.raises(ConfigError, match='cluster: got'):
            made.reset(0, max(made.plan.clusters) + 1)
        with pytest.raises(ConfigError, match='goal: got'):
            made.reset(0, made.plan.training[0], 'no goal has this name')
        with pytest.raises(VlaError, match='control rate: got'):
            self.task.make(1.0 / (1.5 * made.model.opt.timestep))

    def test_targets_beyond_the_limits_are_clipped(self, made: Task) -> None:
        """The arm is told nothing that it cannot do."""
        made.reset(0, made.plan.training[0])
        made.step(made.arm.upper + 10.0)
        assert (made.data.ctrl <= made.arm.upper).all()

    def test_every_camera_draws_what_another_scene_is_told(self, made: Task) -> None:
        """A picture depends on nothing but the state."""
        made.reset(2, made.plan.training[0])
        made.scene.apply(made.scene.state())
        scene = made.make_scene(64, 48)
        scene.apply(made.scene.state())
        renderers = [Renderer(some, 32, 24) for some in (made.scene, scene)]
        for camera in made.cameras:
            one, other = (renderer.render(camera) for renderer in renderers)
            assert one.shape == (24, 32, 3) and np.array_equal(one, other)
        for renderer in renderers:
            renderer.close()

    @pytest.mark.parametrize('seed', range(3))
    def test_pictures_say_where_things_are(self, made: Task, seed: int) -> None:
        """The object is labelled in some picture, and lies in the cluster of its start."""
        scene = made.make_scene()
        labeller = made.labeller(scene)
        for cluster in made.plan.clusters:
            made.reset(seed, cluster)
            scene.apply(made.scene.state())
            assert labeller.cluster == cluster
            labels = [labeller.label(camera, 48, 64) for camera in made.cameras]
            assert all(label.shape == (len(made.things), len(LABEL)) for label in labels)
            places = [label[0, :2] for label in labels if np.isfinite(label[0, :2]).all()]
            assert places and all((p > (0, 0)).all() and (p < (64, 48)).all() for p in places)
        assert np.isfinite(made.rotation)

    def test_arm_that_wanders_stays_within_its_limits(self, made: Task) -> None:
        """Random scenes show arms as they can be."""
        made.reset(0, made.plan.training[0])
        for seed in range(20):
            joints = made.wander(np.random.default_rng(seed))
            if joints is not None:
                made.place_arm(joints)
            assert (made.positions >= made.arm.lower).all()
            assert (made.positions <= made.arm.upper).all()

    def test_somebody_can_show_how_it_is_done(self, made: Task) -> None:
        """Each goal is reached from a start of the plan, in phases that have names."""
        for goal in made.goals:
            episode = attempt_episode(made, PlannedEpisode(0, made.plan.training[0], '', 3, goal))
            assert episode is not None and episode.success
            assert {step.phase for step in episode.steps} <= set(made.phases)
            assert episode.instruction in made.goals[goal].taught

    def test_every_mishap_of_the_plan_can_be_mended(self, made: Task) -> None:
        """A mishap happens with some seed, and the demonstration ends well."""
        for kind in made.plan.recovery_kinds:
            planned = [PlannedEpisode(0, made.plan.training[0], kind, seed) for seed in range(20)]
            assert any(attempt_episode(made, one) for one in planned), kind

    def test_half_done_work_is_taken_over_elsewhere(self, made: Task) -> None:
        """Another instance goes on from there to the goal, and this one stays as it is."""
        begun = made.demonstrate(PlannedEpisode(0, made.plan.training[0], '', 4))
        while not made.under_way:
            made.step(begun.act())
        state = made.scene.state()
        other = self.task.make(RATE)
        other.assume(made)
        expert = other.take_over(np.random.default_rng(0), np.zeros(len(made.positions)))
        while not expert.done and other.time < LONGEST:
            other.step(expert.act())
        assert other.success and not expert.failure
        assert np.array_equal(made.scene.state().qpos, state.qpos)
