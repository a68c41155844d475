# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A camera that sees what it saw keeps its features; one that does not is encoded."""

import numpy as np
import pytest
from bundles import CAMERAS, TOKENS, pictures, write_tiny_bundle

from vla_ros.core.errors import VlaError
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.reuse import PictureMemory, change
from vla_ros.policy.vision import VisionEncoder
from vla_ros.runtime.placement import NodePlacement, Placement

CPU = NodePlacement(threads=1)


@pytest.fixture
def open_encoder(tiny_bundle):
    """Return a function that loads the tiny encoder with a threshold."""
    return lambda threshold, cameras='': VisionEncoder(
        load_bundle(tiny_bundle), NodePlacement(threads=1, cameras=cameras), threshold
    )


def shifted(image, by):
    """Return the picture with every level moved away from 255 or 0 by so much."""
    return np.where(image > 127, image - np.uint8(by), image + np.uint8(by))


def test_unchanged_picture_is_not_encoded_again(open_encoder):
    encoder, images = open_encoder(1.0), pictures()
    first = encoder.encode(images)
    second = encoder.encode({name: image.copy() for name, image in images.items()})
    np.testing.assert_array_equal(first, second)
    assert dict(encoder.memory.encoded) == dict.fromkeys(CAMERAS, 1)
    assert dict(encoder.memory.reused) == dict.fromkeys(CAMERAS, 1)
    assert encoder.memory.summary() == 'gripper 1 of 2, top 1 of 2'


def test_only_the_camera_that_changed_is_encoded(open_encoder):
    encoder, images = open_encoder(1.0), pictures()
    before = encoder.encode(images)
    after = encoder.encode(images | {'gripper': pictures(5)['gripper']})
    np.testing.assert_array_equal(after[:, :TOKENS], before[:, :TOKENS])
    assert np.abs(after[:, TOKENS:] - before[:, TOKENS:]).max() > 0.01
    assert (encoder.memory.reused['top'], encoder.memory.reused['gripper']) == (1, 0)


def test_features_are_those_of_an_encoder_that_re_uses_nothing(open_encoder):
    encoder, plain = open_encoder(1.0), open_encoder(0.0, 'single')
    for seed in (1, 1, 2, 2, 1):
        np.testing.assert_array_equal(encoder.encode(pictures(seed)), plain.encode(pictures(seed)))


def test_nothing_is_re_used_unless_asked_for(open_encoder):
    encoder = open_encoder(0.0)
    for _ in range(3):
        encoder.encode(pictures())
    assert not encoder.memory.reused


def test_slow_change_is_seen_when_it_has_added_up(open_encoder):
    encoder, images = open_encoder(3.0), pictures()
    encoder.encode(images)
    for by in (1, 2, 3, 4):
        encoder.encode({name: shifted(image, by) for name, image in images.items()})
    assert encoder.memory.reused['top'] == 3
    assert encoder.memory.encoded['top'] == 2


def test_small_object_is_a_change_and_noise_is_not():
    rng = np.random.default_rng(0)
    picture = np.full((96, 128, 3), 120, np.uint8)
    noisy = (picture + rng.integers(-3, 4, picture.shape)).astype(np.uint8)
    moved = picture.copy()
    moved[40:46, 60:66] = 220  # a tea bag seen from far
    assert change(picture, noisy) <= 3
    assert change(picture, moved) > 15
    assert change(picture, picture) == 0


def test_pictures_smaller_than_a_tile_are_compared():
    assert change(np.zeros((5, 3, 3), np.uint8), np.full((5, 3, 3), 9, np.uint8)) == 9


def test_callers_picture_may_change_after_it_was_encoded():
    memory, picture = PictureMemory(1.0), np.zeros((16, 16, 3), np.uint8)
    memory.keep('top', picture)
    picture[:] = 200
    assert not memory.knows('top', picture)


def test_what_was_seen_can_be_forgotten():
    memory, picture = PictureMemory(1.0), np.zeros((16, 16, 3), np.uint8)
    memory.keep('top', picture)
    memory.forget()
    assert not memory.knows('top', picture) and memory.summary() == ''


def test_batched_cameras_are_re_used_all_or_none(open_encoder):
    encoder, images = open_encoder(1.0, 'batched'), pictures()
    encoder.encode(images)
    encoder.encode(images | {'gripper': pictures(5)['gripper']})
    assert not encoder.memory.reused
    encoder.encode(images | {'gripper': pictures(5)['gripper']})
    assert dict(encoder.memory.reused) == dict.fromkeys(CAMERAS, 1)


def test_refused_picture_leaves_what_was_encoded_in_force(open_encoder):
    encoder, images = open_encoder(1.0), pictures()
    first = encoder.encode(images)
    with pytest.raises(VlaError, match='camera top'):
        encoder.encode(images | {'top': images['top'][:8]})
    np.testing.assert_array_equal(encoder.encode(images), first)


def test_policy_re_uses_features_too(tmp_path):
    bundle = load_bundle(write_tiny_bundle(tmp_path / 'tiny'))
    policy = Policy(bundle, Placement(default=CPU), reuse_threshold=1.0)
    state = np.zeros(len(bundle.spec.joint_names))
    first, _ = policy.predict(pictures(), state)
    second, _ = policy.predict(pictures(), state)
    np.testing.assert_array_equal(first, second)
    assert policy.vision_encoder.memory.reused['top'] == 1
