# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a tiny policy, and what it sees."""

import numpy as np
import pytest

from vla_ros.dataset.samples import Sample
from vla_ros.policy.bundle import load_bundle


@pytest.fixture(scope='session')
def bundle(tiny_bundle):
    """Return the tiny policy, loaded."""
    return load_bundle(tiny_bundle)


@pytest.fixture(scope='session')
def samples():
    """Return a dozen observations of noise."""
    pytest.importorskip('onnx')
    from bundles import HEIGHT, JOINTS, WIDTH, pictures

    rng = np.random.default_rng(1)
    assert next(iter(pictures().values())).shape == (HEIGHT, WIDTH, 3)
    return [Sample(pictures(seed), rng.standard_normal(len(JOINTS))) for seed in range(12)]
