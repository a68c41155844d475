# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The fused policy is the chained stages."""

import numpy as np
import pytest
from bundles import JOINTS, pictures

from vla_ros.core.errors import VlaError
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.placement import NodePlacement, Placement

STATE = np.linspace(-1, 1, len(JOINTS))


@pytest.fixture(scope='module')
def policy(tiny_bundle):
    return Policy(load_bundle(tiny_bundle), Placement(default=NodePlacement(threads=1)))


def test_prediction_depends_on_every_camera_and_on_the_state(policy):
    actions, _ = policy.predict(pictures(), STATE)
    for name in pictures():
        other = pictures() | {name: pictures(9)[name]}
        assert np.abs(policy.predict(other, STATE)[0] - actions).max() > 1e-3
    assert np.abs(policy.predict(pictures(), -STATE)[0] - actions).max() > 1e-3


def test_each_stage_says_how_long_it_took(policy):
    _, times = policy.predict(pictures(), STATE)
    assert list(times) == ['vision_encoder', 'llm_backbone', 'action_expert']
    assert all(0 < seconds < 1 for seconds in times.values())


def test_same_observation_gives_the_same_actions(policy):
    first, _ = policy.predict(pictures(), STATE)
    second, _ = policy.predict(pictures(), STATE)
    np.testing.assert_array_equal(first, second)


def test_bad_observation_is_named(policy):
    with pytest.raises(VlaError, match='camera gripper'):
        policy.predict({'top': pictures()['top']}, STATE)
