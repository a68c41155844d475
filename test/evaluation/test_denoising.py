# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Errors by denoising step, on a flow whose answer to each of them is known."""

import numpy as np
import onnx
import pytest
from bundles import JOINTS, pictures, write_tiny_bundle
from flow_bundles import STEPS, write_flow_bundle
from onnx import numpy_helper
from report_page import read_page

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.samples import Sample
from vla_ros.evaluation import denoising, denoising_report
from vla_ros.evaluation.denoising import measure
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.integrity import file_sha256
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.placement import NodePlacement, Placement

CPU = Placement(default=NodePlacement(threads=1))
LAST = len(JOINTS) - 1


@pytest.fixture(scope='module')
def samples():
    rng = np.random.default_rng(1)
    return [Sample(pictures(seed), rng.uniform(-1, 1, len(JOINTS))) for seed in range(4)]


def policy(path, change=None):
    """Return the tiny flow with a constant of its expert changed."""
    write_flow_bundle(path)
    if change:
        file, facts = path / 'action_expert.onnx', path / 'policy.json'
        old, model = file_sha256(file), onnx.load(file)
        for item in model.graph.initializer:
            if item.name in change:
                value = change[item.name](numpy_helper.to_array(item)).astype(np.float32)
                item.CopyFrom(numpy_helper.from_array(value, item.name))
        onnx.save(model, file)
        facts.write_text(facts.read_text().replace(old, file_sha256(file)))
    return Policy(load_bundle(path), CPU)


@pytest.fixture(scope='module')
def report(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp('policies')
    variants = {
        'same': policy(folder / 'same'),
        'other goal': policy(folder / 'goal', {'head': lambda weights: weights * 1.05}),
    }
    return measure(policy(folder / 'reference'), variants, samples)


def test_variant_that_computes_the_same_has_no_error(report):
    same = report.variants['same']
    assert same.final == 0 and set(same.velocity) == set(same.noisy) == {0.0}
    assert same.accumulation == 0 and set(same.by_steps.values()) == {0.0}


def test_straight_flow_takes_back_all_errors_but_the_last_aims(report):
    other = report.variants['other goal']
    assert other.velocity[-1] > 5 * other.velocity[0]  # the same aim is missed, over time
    assert other.accumulation < 0.6
    assert 0.01 < other.final < 0.1
    assert list(other.noisy) == sorted(other.noisy)


def test_kick_is_forgotten_by_the_straight_joints_and_fades_in_the_slow_one(report):
    slow = np.array([(1 - 1 / STEPS) ** (STEPS - 1 - step) for step in range(STEPS)])
    expected = slow / np.sqrt(len(JOINTS))
    np.testing.assert_allclose(report.kick[:-1], expected[:-1], rtol=0.15)
    assert report.kick[-1] == pytest.approx(1.0, rel=1e-3)


def test_fewer_steps_cost_what_the_slow_joint_has_not_gone_yet(report):
    assert report.truncation[50] == 0
    assert report.truncation[1] > report.truncation[2] > report.truncation[20]


def test_answers_to_one_observation_spread_by_the_slow_joints_noise(report):
    left = (1 - 1 / STEPS) ** STEPS  # of noise of size 1
    expected = left * np.sqrt((denoising.NOISES - 1) / denoising.NOISES / len(JOINTS))
    assert report.own_spread * report.spread == pytest.approx(expected, rel=0.15)


def test_noise_in_the_memory_is_found_that_costs_as_much(report):
    assert 0 < report.equal_damage['other goal'] < 1
    assert report.equal_damage['same'] == pytest.approx(0.0, abs=0.01)


def test_tables_say_whether_the_steps_add_errors_up(report):
    text = denoising_report.verdict(report) + denoising_report.tables(report)
    assert 'other goal: the errors of the steps are taken back in part' in text
    assert 'final error, in so many steps' in text and 'left of a kick' in text
    seen = read_page(denoising_report.write_html(report))
    assert seen.verdict == denoising_report.verdict(report).splitlines()[0]
    assert seen.plots == 1 and seen.headings == ['In pictures', 'In figures']


def test_policy_that_does_not_denoise_is_refused(samples, tmp_path):
    act = Policy(load_bundle(write_tiny_bundle(tmp_path / 'act')), CPU)
    with pytest.raises(ConfigError, match='type act, expected one that denoises'):
        measure(act, {}, samples)
