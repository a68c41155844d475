# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rates of a processor that explain measured latencies."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.planning.boards import Rates
from vla_ros.planning.cost import Cost, Work
from vla_ros.planning.profile import Measured, fit, hold_out, load_profile, select, settings

TRUE = Rates(
    {
        'conv.fp32': 1e-10,
        'conv.int8_static': 3e-11,
        'matmul.fp32': 2e-10,
        'matmul.int8_dynamic': 8e-11,
        'weights': 1e-10,
        'activations': 5e-11,
        'operators': 4e-6,
    }
)
PRIOR = Rates({name: 2.5 * value for name, value in TRUE.seconds.items()})
RECIPES = {'fp32': ('fp32', 'fp32'), 'vision': ('int8_static', 'fp32')}
RECIPES |= {'backbone': ('fp32', 'int8_dynamic'), 'mix': ('int8_static', 'int8_dynamic')}


def cost(kind, precision, scale):
    share = 1 if precision == 'fp32' else 0.25
    work = {f'{kind}.{precision}': Work(20, 2e9 * scale, 4e7 * share, 1e7 * scale * share)}
    return Cost(work | {'other.fp32': Work(30, 1e6, 0, 2e7 * scale)})


def measurements(noise=0.0):
    rng = np.random.default_rng(0)
    found = []
    for policy, scale in (('small', 1.0), ('large', 5.0)):
        for recipe, precisions in RECIPES.items():
            for kind, precision in zip(('conv', 'matmul'), precisions, strict=True):
                block = cost(kind, precision, scale)
                seconds = TRUE.latency(block) * (1 + noise * rng.standard_normal())
                found.append(Measured(policy, recipe, 'onnxruntime', 1, kind, seconds, block))
    return found


def test_the_fit_explains_what_was_measured():
    measured = measurements(0.02)
    rates = fit(measured, PRIOR)
    errors = [rates.latency(m.cost) / m.seconds - 1 for m in measured]
    assert np.abs(errors).max() < 0.1


def test_a_recipe_that_was_not_seen_is_predicted_from_its_parts():
    found = [item for item in hold_out(measurements(0.02), PRIOR) if item.recipe == 'mix']
    assert [item.policy for item in found] == ['large', 'small']
    assert max(abs(item.error) for item in found) < 0.1


def test_variants_of_one_recipe_are_compared_apart():
    again = [replace(item, variant='again') for item in measurements()]
    found = hold_out([*measurements(), *again], PRIOR)
    assert len(found) == 2 * len(hold_out(measurements(), PRIOR))
    assert max(abs(item.error) for item in found) < 0.2


def test_a_size_that_was_not_seen_is_predicted_from_the_others():
    found = hold_out(measurements(), PRIOR, by='policy')
    assert len(found) == 2 * len(RECIPES)
    assert max(abs(item.error) for item in found) < 0.2


def test_work_that_was_never_measured_keeps_the_descriptions_rate_scaled_like_the_rest():
    seen = [m for m in measurements() if m.recipe == 'fp32']
    rates = fit(seen, PRIOR)
    assert rates.seconds['conv.int8_static'] == pytest.approx(
        TRUE.seconds['conv.int8_static'], rel=0.3
    )


def test_no_rate_is_below_zero():
    assert min(fit(measurements(0.3), PRIOR).seconds.values()) >= 0


def test_one_recipe_alone_cannot_be_checked():
    assert hold_out([m for m in measurements() if m.recipe == 'fp32'], PRIOR) == []


def entry(**changes):
    facts = {'policy': 'p', 'recipe': 'fp32', 'backend': 'openvino', 'threads': 2, 'p50': 0.01}
    facts |= {'block': 'vision_encoder', 'cost': cost('conv', 'fp32', 1).as_dict()}
    return facts | {'width': 128, 'height': 96, 'precision': 'bf16'} | changes


def write(path, *entries):
    path.write_text(json.dumps({'format': 1, 'entries': entries}))
    return path


def test_a_profile_is_read_with_the_precision_that_the_back_end_computed_in(tmp_path):
    (measured,) = load_profile(write(tmp_path / 'p.json', entry()))
    assert measured.policy == 'p 128x96' and 'conv.bf16' in measured.cost.work
    assert settings([measured]) == [('openvino', 2)]
    assert select([measured], 'onnxruntime', 2) == []


def test_an_entry_without_its_cost_is_refused_with_the_mend(tmp_path):
    bare = {key: value for key, value in entry().items() if key != 'cost'}
    with pytest.raises(ConfigError, match=r'entry 1: got no cost.*\[quantize\]'):
        load_profile(write(tmp_path / 'p.json', entry(), bare))


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('cost', [1]),
        ('cost', {'conv.fp32': {'a': 1}}),
        ('cost', {'conv.fp32': {'flops': 'many'}}),
        ('cost', {'conv.int8_static': {'flops': {}}}),
        ('threads', 'two'),
        ('p50', [None]),
        ('p50', 0),
        ('precision', ['fp32']),
        ('precision', 'fp7'),
    ],
)
def test_a_value_of_another_kind_is_told_with_its_entry(tmp_path, key, value):
    with pytest.raises(ConfigError, match=r'p\.json: entry 1: '):
        load_profile(write(tmp_path / 'p.json', entry(), {**entry(), key: value}))


@pytest.mark.parametrize(
    'text', ['', '[]', '{"format": 9, "entries": []}', '{"format": 1, "entries": 3}']
)
def test_what_is_no_profile_is_refused(tmp_path, text):
    (tmp_path / 'p.json').write_text(text)
    with pytest.raises(ConfigError, match=r'p\.json'):
        load_profile(tmp_path / 'p.json')
