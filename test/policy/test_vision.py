# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The vision encoder computes what its block computes, and names what it can't take."""

import numpy as np
import onnx
import pytest
from bundles import (
    CAMERAS,
    OTHER_SIZE,
    SIZE,
    TOKENS,
    pictures,
    write_bundle_of_two_sizes,
)
from onnx import numpy_helper

from vla_ros.core.errors import VlaError
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.vision import VisionEncoder
from vla_ros.runtime.placement import NodePlacement

CPU = NodePlacement(threads=1)


@pytest.fixture(scope='module')
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


@pytest.fixture(scope='module')
def encoder(bundle):
    return VisionEncoder(bundle, CPU)


def weights(path, name):
    """Return a constant of a model."""
    graph = onnx.load(path).graph
    return next(numpy_helper.to_array(item) for item in graph.initializer if item.name == name)


def test_features_stand_in_the_order_of_the_policys_cameras(bundle, encoder):
    images = pictures()
    both = encoder.encode(dict(reversed(images.items())))
    assert both.shape == (1, len(CAMERAS) * TOKENS, SIZE)
    grey = {name: np.full_like(image, 128) for name, image in images.items()}
    only_top = encoder.encode(grey | {'top': images['top']})
    np.testing.assert_array_equal(only_top[:, :TOKENS], both[:, :TOKENS])
    assert np.abs(only_top[:, TOKENS:] - both[:, TOKENS:]).max() > 0.01


def test_features_are_those_of_the_convolution_written_out(tiny_bundle, bundle, encoder):
    image, camera = pictures()['top'], bundle.spec.cameras[0]
    normal = (image / 255.0 - camera.mean) / camera.std
    patches = normal.reshape(3, 8, 4, 8, 3).transpose(0, 2, 4, 1, 3).reshape(TOKENS, -1)
    kernel = weights(tiny_bundle / 'vision_encoder.onnx', 'kernel').reshape(SIZE, -1)
    got = encoder.encode(pictures())[0, :TOKENS]
    np.testing.assert_allclose(got, np.tanh(patches @ kernel.T), atol=1e-5)


def test_answer_does_not_change_when_the_next_pictures_come(encoder):
    first = encoder.encode(pictures(1))
    kept = first.copy()
    encoder.encode(pictures(2))
    np.testing.assert_array_equal(first, kept)


def test_pictures_of_two_sizes_are_encoded_apart(tmp_path, encoder):
    path = write_bundle_of_two_sizes(tmp_path / 'two_sizes')
    images = pictures() | {'gripper': np.zeros((*OTHER_SIZE, 3), np.uint8)}
    features = VisionEncoder(load_bundle(path), CPU).encode(images)
    assert features.shape == (1, 2 * TOKENS, SIZE)
    np.testing.assert_allclose(
        features[:, :TOKENS], encoder.encode(pictures())[:, :TOKENS], atol=1e-6
    )


def test_missing_camera_is_named(encoder):
    with pytest.raises(VlaError, match='camera gripper: got no picture'):
        encoder.encode({'top': pictures()['top']})


def test_picture_of_another_size_is_named(encoder):
    images = pictures() | {'gripper': np.zeros((480, 640, 3), np.uint8)}
    with pytest.raises(VlaError, match=r'camera gripper: got uint8 \(480, 640, 3\), .*24, 32'):
        encoder.encode(images)


def test_picture_of_another_type_is_named(encoder):
    images = pictures() | {'top': np.zeros((24, 32, 3), np.float32)}
    with pytest.raises(VlaError, match='camera top: got float32'):
        encoder.encode(images)
