# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Differences between action chunks."""

import numpy as np
import pytest
from bundles import CHUNK, JOINTS

from vla_ros.core.errors import ConfigError
from vla_ros.quantization.compare import action_error

SHAPE = (5, CHUNK, len(JOINTS))


@pytest.fixture
def actions():
    return np.random.default_rng(0).standard_normal(SHAPE)


def test_equal_actions_do_not_differ(bundle, actions):
    error = action_error(actions, actions, bundle.spec)
    assert (error.mae, error.rms, error.worst, error.radians) == (0, 0, 0, 0)
    assert not any(error.bias)
    assert error.cosine == pytest.approx(1)


def test_an_error_is_found_in_its_sample_step_and_joint(bundle, actions):
    other = actions.copy()
    other[2, 7, 1] += 0.5
    error = action_error(actions, other, bundle.spec)
    assert error.mae == pytest.approx(0.5 / np.prod(SHAPE))
    assert error.rms == pytest.approx(0.5 / np.sqrt(np.prod(SHAPE)))
    assert error.worst == pytest.approx(5 * error.mae)
    assert error.radians == pytest.approx(0.5)
    assert np.argmax(error.by_step) == 7 and np.argmax(error.by_joint) == 1
    assert error.cosine < 1


def test_an_error_that_is_the_same_everywhere_is_a_bias_and_one_that_alternates_is_none(
    bundle, actions
):
    shifted, shaken = actions.copy(), actions.copy()
    shifted[..., 3] -= 0.01
    shaken[..., 3] += 0.01 * (-1.0) ** np.arange(CHUNK)
    there, none = (action_error(actions, other, bundle.spec) for other in (shifted, shaken))
    assert there.mae == pytest.approx(none.mae) and there.rms == pytest.approx(none.rms)
    np.testing.assert_allclose(there.bias, [0, 0, 0, -0.01, 0, 0], atol=1e-12)
    np.testing.assert_allclose(none.bias, 0, atol=1e-12)


def test_actions_of_another_policy_are_refused(bundle, actions):
    with pytest.raises(ConfigError, match='shape.*one policy'):
        action_error(actions, actions[:, :-1], bundle.spec)
