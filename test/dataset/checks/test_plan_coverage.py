# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of coverage, recoveries, calibration and forbidden observations."""

from dataclasses import replace

import pytest

from vla_ros.dataset.checks import plan_coverage
from vla_ros.dataset.checks.catalogue import run_checks
from vla_ros.dataset.checks.episodes import Facts
from vla_ros.dataset.checks.finding import Finding
from vla_ros.dataset.checks.thresholds import Thresholds

LIMITS = Thresholds()


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def pick(recording, wanted):
    """Return the recording with the episodes of which ``wanted`` is true."""
    return replace(recording, episodes=[e for e in recording.episodes if wanted(e)])


def alter(recording, **facts):
    """Return the recording with facts replaced by what the functions make of an episode."""
    return replace(
        recording,
        episodes=[
            replace(
                e,
                facts=replace(e.facts, **{name: function(e) for name, function in facts.items()}),
            )
            for e in recording.episodes
        ],
    )


def test_study_plan_passes_every_check(recording):
    findings = run_checks(recording)
    assert not [f for f in findings if not f.passed] and len(findings) == 14


def test_missing_cluster_is_found_and_named(recording):
    finding = only(
        plan_coverage.check_clusters(pick(recording, lambda e: e.facts.cluster != 9), LIMITS)
    )
    assert (finding.scope, finding.value, finding.passed) == ('cluster 9', 0, False)


def test_cluster_with_a_few_episodes_is_found(recording):
    few = pick(recording, lambda e: e.facts.cluster != 4 or e.index < 40)
    finding = only(plan_coverage.check_clusters(few, LIMITS))
    assert finding.scope == 'cluster 4' and 0 < finding.value < 0.5


def test_episode_of_the_held_out_cluster_is_found(recording):
    leaked = alter(recording, cluster=lambda e: 6 if e.index in (17, 18, 40) else e.facts.cluster)
    finding = only(plan_coverage.check_held_out(leaked, LIMITS))
    assert (finding.scope, finding.value) == ('episodes 17-18, 40', 3) and not finding.passed
    assert only(plan_coverage.check_held_out(recording, LIMITS)).passed


@pytest.mark.parametrize(
    ('share', 'passed'), [(0.05, False), (0.167, True), (0.2, True), (0.25, True), (0.5, False)]
)
def test_about_a_fifth_of_the_episodes_should_be_recoveries(recording, share, passed):
    some = alter(recording, recovery=lambda e: 'drop' if e.index < 120 * share else '')
    assert only(plan_coverage.check_recovery(some, LIMITS)).passed is passed


def test_object_always_turned_the_same_way_is_found(recording):
    same = alter(recording, rotation=lambda e: e.facts.rotation / 4)
    assert not only(plan_coverage.check_rotation(same, LIMITS)).passed
    assert only(plan_coverage.check_rotation(recording, LIMITS)).passed


def test_changed_calibration_file_is_found_and_named(recording):
    changed = alter(
        recording,
        calibration=lambda e: e.facts.calibration | ({'arm.json': 'c3'} if e.index >= 100 else {}),
    )
    finding = only(plan_coverage.check_calibration(changed, LIMITS))
    assert finding.scope == 'arm.json: episodes 100-119' and not finding.passed


def test_calibration_file_that_was_exchanged_after_the_recording_is_found(recording):
    files = {'arm.json': 'a1', 'leader.json': 'b3'}
    finding = only(plan_coverage.check_calibration(replace(recording, calibration=files), LIMITS))
    assert finding.value == 120 and finding.scope.startswith('leader.json')


@pytest.mark.parametrize('key', ['observation.environment_state', 'observation.object_pose'])
def test_observation_that_the_robot_does_not_make_is_cheating(recording, key):
    cheating = replace(recording, keys=[*recording.keys, key])
    finding = only(plan_coverage.check_observations(cheating, LIMITS))
    assert finding.scope == key and not finding.passed


def test_state_with_more_than_the_joints_is_cheating(recording):
    names = (*recording.state_names, 'bag_x')
    finding = only(plan_coverage.check_observations(replace(recording, state_names=names), LIMITS))
    assert finding.scope == 'observation.state[bag_x]' and not finding.passed


def test_what_is_not_known_is_not_checked(recording):
    unknown = replace(recording, episodes=[replace(e, facts=Facts()) for e in recording.episodes])
    for check in (
        plan_coverage.check_clusters,
        plan_coverage.check_held_out,
        plan_coverage.check_recovery,
        plan_coverage.check_rotation,
        plan_coverage.check_calibration,
    ):
        assert check(unknown, LIMITS) == []


@pytest.mark.parametrize('key', ['observation.image', 'observation.images.top', 'observation.rgb'])
def test_a_camera_is_no_cheating_whatever_its_column_is_called(recording, key):
    keys = ['observation.state', 'action', key]
    judged = replace(recording, keys=keys, pictures=[key])
    assert only(plan_coverage.check_observations(judged, LIMITS)).passed
