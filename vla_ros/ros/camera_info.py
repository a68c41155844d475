# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""camera_info: out of a field of view, or out of the file that camera_calibration writes."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensor_msgs.msg import CameraInfo

from vla_ros.core.config import load_yaml
from vla_ros.core.errors import ConfigError
from vla_ros.hardware.camera import Size

# what ROS 2's camera_calibration writes: the matrices, and the number of their values
MATRICES = {
    'camera_matrix': ('k', 9),
    'rectification_matrix': ('r', 9),
    'projection_matrix': ('p', 12),
}
DISTORTION = 'distortion_coefficients'
# the coefficients that each model has
MODELS = {'plumb_bob': (5,), 'rational_polynomial': (8, 12, 14), 'equidistant': (4,)}
KEYS = ('image_width', 'image_height', 'camera_name', 'distortion_model', DISTORTION, *MATRICES)


def pinhole(size: Size, field_of_view: float) -> CameraInfo:
    """
    Return a pinhole without distortion, given the vertical field of view in rad.

    A focal length of 0 says that the camera is not calibrated; that is what 0 rad gives.
    """
    width, height = size
    info = CameraInfo(width=width, height=height, distortion_model='plumb_bob')
    info.d = [0.0] * 5
    if field_of_view:
        focal = height / 2 / math.tan(field_of_view / 2)
        x, y = width / 2, height / 2
        info.k = [focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0]
        info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        info.p = [focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def load_camera_info(path: Path, size: Size) -> CameraInfo:
    """
    Read a calibration as ROS 2's camera_calibration writes it, for pictures of ``size``.

    Raises ConfigError, naming the file and the key, for what is wrong, and where the calibration
    was made for pictures of another shape; of the same shape but another size it is scaled.
    """
    content = load_yaml(path, KEYS)
    missing = sorted(set(KEYS) - {'camera_name'} - set(content))
    if missing:
        raise ConfigError(
            f'{path}: got no {", ".join(missing)}, expected all of camera_calibration'
        )
    model, values = content['distortion_model'], _values(path, content, DISTORTION)
    if len(values) not in MODELS.get(model, ()):
        raise ConfigError(
            f'{path}: got {len(values)} coefficients of the model {model!r}, expected one of '
            f'{", ".join(f"{name}: {counts}" for name, counts in MODELS.items())}'
        )
    info = CameraInfo(width=size.width, height=size.height, distortion_model=model)
    info.d = values
    scale = _scale(path, content, size)
    for key, (name, count) in MATRICES.items():
        matrix = _values(path, content, key)
        if len(matrix) != count:
            raise ConfigError(f'{path}: {key}: got {len(matrix)} values, expected {count}')
        columns = count // 3
        shrunk = [v * (scale if i < 2 * columns else 1.0) for i, v in enumerate(matrix)]
        setattr(info, name, matrix if name == 'r' else shrunk)
    return info


def _scale(path: Path, content: Mapping[str, Any], size: Size) -> float:
    """Return how many pixels of the pictures make one of the calibration."""
    width, height = (content[key] for key in ('image_width', 'image_height'))
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        raise ConfigError(f'{path}: got the size {width} x {height}, expected pixels')
    if abs(size.width * height - size.height * width) > max(width, height):
        raise ConfigError(
            f'{path}: was made for pictures of {width} x {height}, which are of another shape '
            f'than {size.width} x {size.height}; calibrate with the pictures that are published'
        )
    return size.width / width


def _values(path: Path, content: Mapping[str, Any], key: str) -> list[float]:
    data = content[key].get('data') if isinstance(content[key], dict) else None
    numbers = isinstance(data, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in data
    )
    if not numbers or not data or not all(map(math.isfinite, data)):
        raise ConfigError(f'{path}: {key}: got {content[key]}, expected data: a list of numbers')
    return [float(value) for value in data]
