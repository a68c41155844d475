# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A live evaluation: the order of its trials, its memory, its table."""

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.evaluation.live import Outcome, Session, plan_trials

SCENES = [PlannedEpisode(index, index % 11 + 1, '', 100 + index) for index in range(12)]
POLICIES = ('old', 'new')


def play(session, wins, limit=None):
    """Finish the next trials; ``wins`` says whether a policy succeeds at a scene."""
    for trial in list(session.remaining)[:limit]:
        session.add(trial, Outcome(wins(trial), 5.0))


def test_every_scene_is_played_once_by_each_policy_and_chance_says_which_begins():
    trials = plan_trials(POLICIES, SCENES, seed=1)
    assert [trial.number for trial in trials] == list(range(1, 25))
    for index, scene in enumerate(SCENES):
        pair = trials[2 * index : 2 * index + 2]
        assert {trial.policy for trial in pair} == set(POLICIES)
        assert {trial.scene for trial in pair} == {scene}
    assert len({trials[2 * index].policy for index in range(12)}) == 2
    assert trials == plan_trials(POLICIES, SCENES, seed=1)


def test_letters_hide_the_policies():
    seen = {plan_trials(POLICIES, SCENES, seed)[0].letter for seed in range(20)}
    assert seen == {'A', 'B'}
    for seed in range(5):
        names = {(trial.policy, trial.letter) for trial in plan_trials(POLICIES, SCENES, seed)}
        assert len(names) == 2


def test_same_policy_twice_is_refused():
    with pytest.raises(ConfigError, match='policies: got old, old, expected different ones'):
        plan_trials(('old', 'old'), SCENES, 0)


def test_session_goes_on_after_a_break(tmp_path):
    trials = plan_trials(POLICIES, SCENES, 3)
    play(Session(tmp_path, trials), lambda trial: True, limit=7)
    again = Session(tmp_path, trials)
    assert len(again.outcomes) == 7
    assert next(again.remaining).number == 8


def test_folder_of_another_session_is_refused(tmp_path):
    Session(tmp_path, plan_trials(POLICIES, SCENES, 3))
    with pytest.raises(ConfigError, match='holds a session of other policies or scenes'):
        Session(tmp_path, plan_trials(POLICIES, SCENES, 4))


def test_line_that_is_no_trial_is_named(tmp_path):
    trials = plan_trials(POLICIES, SCENES, 3)
    Session(tmp_path, trials)
    (tmp_path / 'trials.jsonl').write_text('{"trial": 1}\n')
    with pytest.raises(ConfigError, match='expected a trial; remove it'):
        Session(tmp_path, trials)


def test_an_outcome_of_another_kind_is_named(tmp_path):
    trials = plan_trials(POLICIES, SCENES, 3)
    Session(tmp_path, trials)
    line = '{"trial": 1, "success": "yes", "duration": 1.0}\n'
    (tmp_path / 'trials.jsonl').write_text(line)
    with pytest.raises(ConfigError, match="success: got 'yes', expected true or false"):
        Session(tmp_path, trials)


def test_table_has_intervals_and_the_difference_on_the_same_scenes(tmp_path):
    session = Session(tmp_path, plan_trials(POLICIES, SCENES, 3), held_out=6)
    play(session, lambda trial: trial.policy == 'new' or trial.scene.index < 3)
    told = session.summary()
    assert 'old               global          12  0.25 [' in told
    assert 'new               global          12  1.00 [' in told
    assert 'new against old, same 12 scenes: +75.0 [' in told


def test_difference_counts_only_scenes_that_both_have_played(tmp_path):
    session = Session(tmp_path, plan_trials(POLICIES, SCENES, 3), held_out=6)
    play(session, lambda trial: True, limit=3)
    assert 'same 1 scenes' in session.summary()
