# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""However the cameras are run, on whatever back end, their features are the same."""

import numpy as np
import pytest
from bundles import pictures

from vla_ros.core.errors import VlaError
from vla_ros.policy import encoding
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.vision import VisionEncoder
from vla_ros.runtime.backends.table import BACKENDS
from vla_ros.runtime.placement import NodePlacement

MODES = ('batched', 'single', 'parallel')


@pytest.fixture(params=BACKENDS)
def backend(request):
    pytest.importorskip(request.param)
    return request.param


def open_encoder(folder, reuse_threshold=0.0, **placement):
    """Load the tiny vision encoder."""
    asked = NodePlacement(**{'threads': 2, **placement})
    return VisionEncoder(load_bundle(folder), asked, reuse_threshold)


@pytest.fixture(scope='module')
def expected(tiny_bundle):
    return open_encoder(tiny_bundle, threads=1).encode(pictures())


@pytest.mark.parametrize('mode', MODES)
def test_every_mode_gives_the_same_features(tiny_bundle, expected, backend, mode):
    encoder = open_encoder(tiny_bundle, backend=backend, cameras=mode)
    assert encoder.mode == mode
    np.testing.assert_allclose(encoder.encode(pictures()), expected, atol=1e-5)


@pytest.mark.parametrize('mode', MODES)
def test_picture_that_may_not_be_written_or_is_mirrored_is_encoded(tiny_bundle, backend, mode):
    encoder = open_encoder(tiny_bundle, backend=backend, cameras=mode)
    from_messages = {
        name: np.frombuffer(image.tobytes(), np.uint8).reshape(image.shape)[:, :, ::-1]
        for name, image in pictures().items()
    }
    mirrored = {name: np.array(image) for name, image in from_messages.items()}
    read_only = {
        name: np.frombuffer(i.tobytes(), np.uint8).reshape(i.shape) for name, i in mirrored.items()
    }
    for images in (from_messages, read_only):
        np.testing.assert_array_equal(encoder.encode(images), encoder.encode(mirrored))


def test_cameras_are_batched_unless_the_placement_or_the_re_use_says_otherwise(tiny_bundle):
    assert open_encoder(tiny_bundle).mode == 'batched'
    assert open_encoder(tiny_bundle, reuse_threshold=1.0).mode == 'single'
    assert open_encoder(tiny_bundle, 1.0, cameras='batched').mode == 'batched'


def test_measured_mode_is_the_fastest(tiny_bundle, monkeypatch):
    seconds = {'batched': 2.0, 'single': 3.0, 'parallel': 1.0}
    monkeypatch.setattr(encoding, '_measure', lambda opened: seconds[opened.mode])
    assert open_encoder(tiny_bundle, cameras='measured').mode == 'parallel'
    assert open_encoder(tiny_bundle, cameras='measured', threads=1).mode == 'batched'
    assert open_encoder(tiny_bundle, 1.0, cameras='measured', threads=1).mode == 'single'


def test_measuring_really_runs(tiny_bundle, expected):
    encoder = open_encoder(tiny_bundle, cameras='measured')
    assert encoder.mode in MODES
    np.testing.assert_allclose(encoder.encode(pictures()), expected, atol=1e-5)


def test_error_of_one_of_the_parallel_cameras_is_raised(tiny_bundle):
    encoder = open_encoder(tiny_bundle, cameras='parallel')

    def fail(inputs, outputs):
        raise VlaError('inference failed')

    encoder._encoding.groups[1].session.run = fail
    with pytest.raises(VlaError, match='inference failed'):
        encoder.encode(pictures())
