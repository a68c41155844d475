# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures of commands whose faults were put there by hand."""

import numpy as np
import pytest

from vla_ros.benchmarks.commands import Play, summarize

RATE = 10.0  # Hz


def play(times=None, positions=None, first=(0, 5), observed=(-0.3, 0.3), strides=None):
    """Return ten commands of one joint, 0.1 s and 1 mrad apart, a new chunk at the sixth."""
    times = np.arange(10) / RATE if times is None else np.array(times)
    positions = 1e-3 * np.arange(10) if positions is None else np.array(positions)
    strides = np.ones(len(times) - 1) if strides is None else np.array(strides)
    return Play(
        RATE, times, positions[:, None], np.array(first), np.array(observed), strides, True, 0.9
    )


def test_a_play_without_fault_has_none():
    figures = summarize([play()])
    assert figures['starved_share'] == figures['played_twice'] == figures['skipped'] == 0
    assert figures['seam_max_to_inside_max'] == pytest.approx(1)
    assert figures['period_p99_ms'] == pytest.approx(100)
    assert figures['success'] == 1


def test_latency_leaves_the_first_chunk_out():
    figures = summarize([play(), play()])
    assert figures['first_latency_ms'] == pytest.approx(300)
    assert figures['latency_p50_ms'] == pytest.approx(200)
    assert figures['chunks_per_episode'] == 2


def test_a_silence_counts_the_periods_in_it():
    times = np.arange(10) / RATE
    times[6:] += 0.3
    figures = summarize([play(times)])
    assert figures['starved_share'] == pytest.approx(3 / 12)
    assert figures['longest_gap_ms'] == pytest.approx(400)


def test_a_command_that_is_held_is_no_new_one():
    positions = 1e-3 * np.arange(10)
    positions[3:5] = positions[2]
    assert summarize([play(positions=positions)])['starved_share'] == pytest.approx(2 / 9)


def test_a_late_command_is_no_missed_one():
    times = np.arange(10) / RATE
    times[4] += 0.04
    assert summarize([play(times)])['starved_share'] == 0


def test_a_jump_counts_where_it_is():
    positions = 1e-3 * np.arange(10)
    positions[5:] += 4e-3
    figures = summarize([play(positions=positions)])
    assert figures['seam_max_mrad'] == pytest.approx(5)
    assert figures['inside_max_mrad'] == pytest.approx(1)
    positions = 1e-3 * np.arange(10)
    positions[8:] += 4e-3
    assert summarize([play(positions=positions)])['inside_max_mrad'] == pytest.approx(5)


def test_actions_played_twice_and_skipped_are_counted():
    figures = summarize([play(strides=[1, 1, 0, 1, 1, 3, 1, -1, 1])])
    assert figures['played_twice'] == 2
    assert figures['skipped'] == 2


def test_an_episode_of_one_chunk_has_no_seam():
    figures = summarize([play(first=[0], observed=[-0.1])])
    assert np.isnan(figures['seam_max_mrad'])
    assert np.isnan(figures['latency_p50_ms'])
