# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Real-time chunking: which rows are frozen, which guide, and how a flow policy follows them."""

import numpy as np
import pytest
from plans import STEP, ramp

from vla_ros.core.errors import ConfigError
from vla_ros.policy.real_time_chunking import (
    PREFIX_ATTENTION_SCHEDULES,
    guidance_weight,
    guide,
    prefix_rows,
    prefix_weights,
)


def lerobot_processor(schedule):
    configs = pytest.importorskip('lerobot.configs')
    rtc = pytest.importorskip('lerobot.policies.rtc.modeling_rtc')
    from lerobot.policies.rtc.configuration_rtc import RTCConfig

    names = {'linear': 'LINEAR', 'exp': 'EXP', 'ones': 'ONES', 'zeros': 'ZEROS'}
    kind = getattr(configs.RTCAttentionSchedule, names[schedule])
    return rtc.RTCProcessor(RTCConfig(prefix_attention_schedule=kind))


def test_frozen_rows_weigh_one_then_less_and_less_and_the_rest_is_free():
    weights = prefix_weights(inference_delay=3, execution_horizon=8, chunk_size=12)
    assert (weights[:3] == 1.0).all() and (weights[8:] == 0.0).all()
    assert (np.diff(weights[2:9]) < 0).all()


@pytest.mark.parametrize('schedule', PREFIX_ATTENTION_SCHEDULES)
@pytest.mark.parametrize(('delay', 'horizon'), [(0, 10), (4, 10), (10, 10), (14, 10), (3, 50)])
def test_weights_are_those_of_lerobot(schedule, delay, horizon):
    expected = lerobot_processor(schedule).get_prefix_weights(delay, min(horizon, 20), 20)
    np.testing.assert_allclose(
        prefix_weights(delay, horizon, 20, schedule), expected.numpy(), atol=1e-6
    )


def test_unknown_schedule_is_answered_with_those_there_are():
    with pytest.raises(ConfigError, match="got 'cubic', expected one of zeros, ones, linear, exp"):
        prefix_weights(1, 2, 3, 'cubic')


@pytest.mark.parametrize('time', [1.0, 0.9, 0.5, 0.1])
def test_guided_velocity_is_that_of_lerobot(time):
    processor = lerobot_processor('linear')
    torch = pytest.importorskip('torch')
    rng = np.random.default_rng(5)
    noisy, velocity = rng.normal(size=(2, 20, 3))
    prefix = rng.normal(size=(12, 3))
    expected = processor.denoise_step(
        torch.from_numpy(noisy),
        torch.from_numpy(prefix),
        4,
        torch.tensor(time),
        lambda x: torch.from_numpy(velocity)[None],
        10,
    )
    got = guide(noisy, velocity, time, prefix, prefix_weights(4, 10, 20))
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-5)


def test_guidance_is_bounded_at_both_ends_of_the_flow():
    assert guidance_weight(1.0) == guidance_weight(0.0) == 10.0
    assert all(0 < guidance_weight(time) <= 10.0 for time in np.linspace(0, 1, 21))


def denoise(prefix, weights, steps=50):
    """Return a sample of N(1, 1) for each of 20 rows, by the exact flow of that distribution."""
    rows = np.random.default_rng(1).normal(size=(20, 2))
    for step in range(steps):
        time = 1.0 - step / steps
        data = 1.0 - time
        aim = 1.0 + data / (data**2 + time**2) * (rows - data)
        rows = rows - guide(rows, (rows - aim) / time, time, prefix, weights) / steps
    return rows


def test_guided_flow_is_led_to_the_frozen_rows_and_free_in_the_others():
    prefix = prefix_rows(ramp(8), 0.0, STEP, 20)
    guided = denoise(prefix, prefix_weights(4, 8, 20))
    free = denoise(prefix, np.zeros(20))
    assert np.abs(guided[:4] - prefix[:4]).max() < 0.15 < 0.5 < np.abs(free[:4]).max()
    np.testing.assert_array_equal(guided[8:], free[8:])


def test_prefix_is_the_queue_from_the_observation_on_in_the_steps_of_the_policy():
    queued = ramp(10)
    np.testing.assert_allclose(prefix_rows(queued, 0.25, 0.2, 50)[:, 0], [0.25, 0.45, 0.65, 0.85])
    assert len(prefix_rows(queued, 0.0, STEP, 4)) == 4
    assert prefix_rows(queued, 3.0, STEP, 4).shape == (0, 2)
