# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures that tests of several folders share, and a display-less OpenGL for all of them."""

import pytest

import vla_ros.sim  # noqa: F401  # chooses the OpenGL, and has to before a test imports MuJoCo


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory):
    """Return the folder of a policy bundle that runs in microseconds; not to be altered."""
    from bundles import write_tiny_bundle  # needs onnx, which most tests do not

    return write_tiny_bundle(tmp_path_factory.mktemp('policies') / 'tiny')
