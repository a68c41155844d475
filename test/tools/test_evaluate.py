# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command evaluate: what its arguments make of the rollouts."""

from argparse import ArgumentParser

import pytest

pytest.importorskip('mujoco')

from vla_ros.core.errors import ConfigError
from vla_ros.policy.latency import predict
from vla_ros.tools import evaluate


def config(*words):
    parser = ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate._config(parser.parse_args(words), 'async')


def test_latency_is_measured_unless_it_is_given():
    assert config().latency is None
    assert config('--latency', '0.3').latency == 0.3


def test_the_latency_of_a_board_is_the_sum_of_its_blocks(tiny_bundle):
    blocks = predict(str(tiny_bundle), 'raspberry_pi_5').values()
    played = config('--policy', str(tiny_bundle), '--simulate-latency', 'raspberry_pi_5')
    assert played.latency == pytest.approx(sum(placed.seconds for placed in blocks))


def test_a_board_that_is_not_there_is_refused(tiny_bundle):
    with pytest.raises(ConfigError, match="got 'abacus', expected one of imx95"):
        config('--policy', str(tiny_bundle), '--simulate-latency', 'abacus')
