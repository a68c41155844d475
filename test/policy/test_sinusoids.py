# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Positions and flow times become sines and cosines as LeRobot makes them."""

import numpy as np
import pytest

from vla_ros.policy.sinusoids import rotation_at, time_embedding


def test_first_pair_turns_by_a_radian_for_each_position_and_the_last_hardly() -> None:
    sines, cosines = rotation_at(np.array([0, 1, 300]), 32)
    assert sines.dtype == np.float32 and sines.shape == cosines.shape == (3, 32)
    np.testing.assert_allclose(sines[:, 0], np.sin([0, 1, 300]), atol=1e-5)
    np.testing.assert_allclose(sines[0], 0, atol=0)
    assert sines[2, -1] == pytest.approx(np.sin(300 * 10_000 ** (-31 / 32)), abs=1e-6)
    np.testing.assert_allclose(sines**2 + cosines**2, 1, atol=1e-6)


def test_each_row_tells_its_own_time() -> None:
    times = np.array([[0.0, 0.0, 0.3], [1.0, 0.7, 0.3]], np.float32)
    told = time_embedding(times, 6, 0.5, 8.0)
    assert told.dtype == np.float32 and told.shape == (2, 3, 6)
    angles = 2 * np.pi * times.astype(float)[..., None] / np.array([0.5, 2.0, 8.0])
    np.testing.assert_allclose(told[..., :3], np.sin(angles), atol=1e-6)
    np.testing.assert_allclose(told[..., 3:], np.cos(angles), atol=1e-6)
    assert np.array_equal(told[0, 2], told[1, 2])


def test_they_are_what_lerobot_computes() -> None:
    torch = pytest.importorskip('torch')
    pytest.importorskip('transformers', reason="needs pip install 'vla_ros[train]'")
    from lerobot.policies.smolvla.modeling_smolvla import create_sinusoidal_pos_embedding
    from lerobot.policies.smolvla.smolvlm_with_expert import apply_rope

    times = np.array([1.0, 0.9, 0.5, 0.1, 0.0], np.float32)
    given = torch.from_numpy(times)
    wanted = create_sinusoidal_pos_embedding(given, 12, 4e-3, 4.0, given.device)
    np.testing.assert_allclose(time_embedding(times, 12, 4e-3, 4.0), wanted.numpy(), atol=1e-6)
    positions = torch.arange(0, 300, 7)[None]
    pairs = torch.cat([torch.ones(1, 43, 1, 8), torch.zeros(1, 43, 1, 8)], -1)
    turned = apply_rope(pairs, positions)[0, :, 0]
    sines, cosines = rotation_at(positions[0].numpy(), 8)
    np.testing.assert_allclose(turned.numpy(), np.hstack([cosines, sines]), atol=1e-6)
