# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The plan of a training run: its end and its learning rate."""

import pytest

pytest.importorskip('torch')

from vla_ros.core.errors import ConfigError
from vla_ros.train.batches import Augmentation
from vla_ros.train.training_plan import TrainingPlan


def test_plan_without_an_end_is_refused():
    with pytest.raises(ConfigError, match='steps and minutes: got neither'):
        TrainingPlan()


@pytest.mark.parametrize('value', [0, -1, float('nan')])
@pytest.mark.parametrize('name', ['steps', 'minutes', 'batch_size', 'evaluate_every', 'threads'])
def test_numbers_that_are_not_positive_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f'{name}: got {value}'):
        TrainingPlan(**{'steps': 5, name: value})


@pytest.mark.parametrize(
    ('name', 'changes'),
    [
        ('seed', {'seed': -1}),
        ('learning_rate', {'learning_rate': -1}),
        ('held_rows', {'held_rows': -1}),
        ('shift', {'augmentation': Augmentation(shift=-1)}),
    ],
)
def test_numbers_below_zero_are_refused_by_name(name, changes):
    with pytest.raises(ConfigError, match=f'{name}: got -1, expected 0 or more'):
        TrainingPlan(steps=5, **changes)


def test_whichever_end_comes_first_counts():
    plan = TrainingPlan(steps=100, minutes=1)
    assert plan.progress(10, 30) == 0.5
    assert plan.progress(60, 30) == 0.6


def test_learning_rate_rises_then_falls_to_a_hundredth():
    plan = TrainingPlan(steps=1000, learning_rate=1.0, warmup=100)
    rates = [plan.rate(step, step / 1000) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01) and rates[-1] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(rates[99]) and rates[99] > 0.95


def test_average_forgets_the_first_steps_fast():
    plan = TrainingPlan(steps=10)
    assert plan.decay(0) == 0.1 and plan.decay(10**6) == plan.average_decay
