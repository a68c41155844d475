# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The gate: what the cameras see before an episode, against how they should see it."""

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags')

from recordings import FPS, START, picture

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.checks.gate import Gate, Gatekeeper, describe, load_reference, save_reference

SECOND = 10**9


def scene(shift=0, light=1.0, blur=0.0):
    """Return a picture (96, 128, 3) of boxes on a table."""
    rng = np.random.default_rng(0)
    table = np.full((96, 160, 3), 90, np.uint8)
    for _ in range(24):
        x, y, grey = rng.integers(0, 140), rng.integers(0, 80), rng.integers(20, 230)
        cv2.rectangle(table, (int(x), int(y)), (int(x) + 14, int(y) + 9), [int(grey)] * 3, -1)
    seen = table[:, 16 + shift : 144 + shift]
    if blur:
        seen = cv2.GaussianBlur(seen, (0, 0), blur)
    return (seen * light).astype(np.uint8)


def watch(gate, frames=30, fps=FPS, camera='top', **look):
    """Let the gate see a camera for a second; return the time, ns, of the last picture."""
    for frame in range(frames):
        message = picture(camera, START + frame / fps, scene(**look))
        gate.see(camera, message)
    return message.time


def failed(gate, time):
    return {f.name for f in gate.check(time) if not f.passed}


def gate(**settings):
    return Gate(['top'], FPS, {'top': scene()}, **settings)


def test_scene_as_it_was_passes():
    keeper = gate()
    assert failed(keeper, watch(keeper)) == set()
    assert {f.name for f in keeper.check(START * SECOND)} > {'camera drift', 'contrast'}


@pytest.mark.parametrize(
    ('look', 'names'),
    [
        ({'shift': 2}, {'camera drift'}),
        ({'light': 0.4}, {'brightness', 'brightness drift'}),
        ({'light': 2.0}, {'brightness drift'}),
        ({'blur': 1.5}, {'focus'}),
        ({'fps': 20}, {'frame rate'}),
    ],
    ids=['moved', 'dark', 'bright', 'blurred', 'slow'],
)
def test_what_is_wrong_is_named_and_what_is_right_is_not(look, names):
    keeper = gate()
    found = failed(keeper, watch(keeper, **look))
    assert names <= found
    assert found & {'focus', 'frame rate', 'camera alive'} <= names


def test_camera_that_fell_silent_is_named():
    keeper = gate()
    last = watch(keeper)
    assert failed(keeper, last + SECOND) == {'camera alive'}
    assert failed(Gate(['top'], FPS, {}), last) == {'camera alive'}


def test_camera_on_the_arm_is_not_compared_in_place():
    keeper = gate(moving=['top'])
    assert failed(keeper, watch(keeper, shift=4)) == set()


def test_objection_has_number_threshold_and_mend():
    keeper = gate()
    text = describe(keeper.check(watch(keeper, shift=3)))
    assert text.startswith('camera drift top: got 3') and 'px, expected <= 0.5' in text
    assert 'put the camera back' in text


def test_first_start_makes_the_reference_and_the_next_session_compares_with_it(tmp_path):
    folder = tmp_path / 'reference'
    first = Gatekeeper(folder, ['top'], FPS)
    assert first.objection(watch(first)) == ''
    np.testing.assert_array_equal(load_reference(folder)['top'], scene())
    second = Gatekeeper(folder, ['top'], FPS)
    assert 'camera drift' in second.objection(watch(second, shift=3))


def test_what_is_refused_becomes_no_reference(tmp_path):
    keeper = Gatekeeper(tmp_path / 'reference', ['top'], FPS)
    assert 'brightness' in keeper.objection(watch(keeper, light=0.3))
    assert not load_reference(tmp_path / 'reference')


def test_reference_that_is_given_has_a_picture_of_each_camera(tmp_path):
    save_reference(tmp_path, {'left': [scene()]})
    with pytest.raises(ConfigError, match='got no top.png in'):
        Gatekeeper(tmp_path, ['top', 'left'], FPS, given=True)
    (tmp_path / 'top.png').write_bytes(b'no picture')
    with pytest.raises(ConfigError, match='top.png: is no picture'):
        Gatekeeper(tmp_path, ['top', 'left'], FPS, given=True)
