# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The sines and cosines by which a model knows positions and flow times.

They are computed here and not in a block: an angle of a thousand radians has no phase left in
bf16 or fp16, in which many processors compute, and the sine of it would be noise.
"""

import numpy as np

WAVELENGTH = 10_000.0  # of LeRobot's apply_rope; not the rope_theta of the model's config


def rotation_at(positions: np.ndarray, size: int) -> np.ndarray:
    """
    Return sines and cosines (2, n, size) float32 of rotary embeddings at ``positions`` (n,).

    The angles are float32, as LeRobot's are (policies/smolvla/smolvlm_with_expert.py, apply_rope).
    """
    share = np.arange(size, dtype=np.float32) / np.float32(size)
    angles = positions.astype(np.float32)[:, None] / np.float32(WAVELENGTH) ** share
    return np.stack([np.sin(angles), np.cos(angles)])


def time_embedding(
    times: np.ndarray, size: int, min_period: float, max_period: float
) -> np.ndarray:
    """
    Return the sinusoidal embedding (..., size) float32 of flow times (...), 1 to 0.

    As LeRobot's create_sinusoidal_pos_embedding, in float64 as well. Equal times, as most are, are
    computed once.
    """
    period = min_period * (max_period / min_period) ** np.linspace(0, 1, size // 2)
    different, places = np.unique(times, return_inverse=True)
    angles = different.astype(float)[:, None] * (2 * np.pi / period)
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    return np.asarray(waves[places.reshape(times.shape)])
