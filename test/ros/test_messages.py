# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages and values say the same, and what makes no sense is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image, JointState

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import VlaError
from vla_ros.msg import ActionChunk as ActionChunkMsg
from vla_ros.msg import Tensor
from vla_ros.ros import messages

JOINTS = ('pan', 'lift', 'grip')


def wire(msg):
    """Return the message as another process gets it."""
    return deserialize_message(serialize_message(msg), type(msg))


@given(st.floats(0.0, 2e9))
def test_time_goes_through_a_stamp_to_the_nanosecond(time):
    assert messages.seconds(messages.stamp(time)) == pytest.approx(time, abs=1e-6)


def test_stamp_rounds_up_into_the_next_second():
    assert messages.stamp(1.9999999999) == messages.stamp(2.0)


@pytest.mark.parametrize('dtype', ['float32', 'float16', 'uint8', 'int64', 'bool'])
def test_array_goes_through_a_tensor_unchanged(dtype):
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    msg = wire(messages.tensor_to_msg('features', values))
    got = messages.tensor_from_msg(msg)
    assert got.dtype == values.dtype
    np.testing.assert_array_equal(got, values)


def test_array_that_is_a_view_goes_through_a_tensor_unchanged():
    values = np.arange(24, dtype=np.float32).reshape(4, 6)[:, ::2]
    np.testing.assert_array_equal(
        messages.tensor_from_msg(messages.tensor_to_msg('part', values)), values
    )


@pytest.mark.parametrize(
    'change', [{'shape': [3, 3]}, {'dtype': 'float12'}, {'data': b'\0\0\0'}, {'dtype': 'O'}]
)
def test_tensor_whose_bytes_do_not_fit_is_named(change):
    msg = Tensor(name='memory', dtype='float32', shape=[2])
    msg.data = bytes(8)
    for name, value in change.items():
        setattr(msg, name, value)
    with pytest.raises(VlaError, match='tensor memory: got'):
        messages.tensor_from_msg(msg)


def test_tensors_come_in_the_order_asked_for():
    msgs = [messages.tensor_to_msg(name, np.zeros(3)) for name in ('state', 'features')]
    found = messages.tensors_by_name(msgs, ('features', 'state'))
    assert [msg.name for msg in found] == ['features', 'state']


def test_missing_tensor_is_named():
    with pytest.raises(VlaError, match=r"got \['state'\], expected also \['features'\]"):
        messages.tensors_by_name([messages.tensor_to_msg('state', np.zeros(3))], ('features',))


def test_picture_goes_through_a_message_unchanged():
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    msg = wire(messages.image_to_msg(picture, 12.5, 'top'))
    assert (msg.encoding, msg.header.frame_id, messages.seconds(msg.header.stamp)) == (
        'rgb8', 'top', 12.5,
    )  # fmt: skip
    np.testing.assert_array_equal(messages.image_from_msg(msg), picture)


def test_blue_first_and_padded_rows_become_rgb():
    msg = Image(height=2, width=2, encoding='bgr8', step=8)
    msg.data = bytes([3, 2, 1, 6, 5, 4, 0, 0] * 2)
    assert messages.image_from_msg(msg).tolist() == [[[1, 2, 3], [4, 5, 6]]] * 2


def test_grey_becomes_rgb():
    msg = Image(height=1, width=2, encoding='mono8', step=2)
    msg.data = bytes([7, 9])
    assert messages.image_from_msg(msg).tolist() == [[[7] * 3, [9] * 3]]


def test_unknown_encoding_is_named_with_the_mend():
    with pytest.raises(VlaError, match=r"camera top: got encoding '32FC1', expected .*rgb8"):
        messages.image_from_msg(Image(encoding='32FC1'), 'camera top')


@pytest.mark.parametrize('data', [b'', bytes(10)])
def test_picture_with_too_few_bytes_is_named(data):
    msg = Image(height=2, width=2, encoding='rgb8', step=6)
    msg.data = data
    with pytest.raises(VlaError, match=f'got {len(data)} bytes with step 6, expected 2 x 2 rgb8'):
        messages.image_from_msg(msg)


def test_chunk_goes_through_a_message_with_its_joints_reordered():
    values = np.arange(12.0).reshape(4, 3)
    msg = wire(messages.chunk_to_msg(ActionChunk(values, 7.25, 0.1, 42, JOINTS)))
    chunk = messages.chunk_from_msg(msg, ('grip', 'pan', 'lift'))
    np.testing.assert_array_equal(chunk.values, values[:, [2, 0, 1]])
    assert (chunk.start, chunk.step, chunk.sequence) == (7.25, 0.1, 42)
    assert chunk.joint_names == ('grip', 'pan', 'lift')


def test_chunk_without_a_joint_of_the_robot_is_named():
    msg = messages.chunk_to_msg(ActionChunk(np.zeros((2, 3)), 0.0, 0.1, 1, JOINTS))
    with pytest.raises(VlaError, match=r"action chunk: .* expected also \['wrist'\]"):
        messages.chunk_from_msg(msg, ('pan', 'wrist'))


@pytest.mark.parametrize('count', [0, 4])
def test_chunk_that_does_not_fill_its_rows_is_named(count):
    msg = ActionChunkMsg(step=0.1, joint_names=list(JOINTS), values=[0.0] * count)
    with pytest.raises(VlaError, match=f'got {count} values for 3 joints'):
        messages.chunk_from_msg(msg, JOINTS)


def test_joint_positions_come_in_the_order_asked_for():
    msg = JointState(name=['grip', 'other', 'pan'], position=[0.3, 9.0, 0.1])
    np.testing.assert_array_equal(messages.joint_positions(msg, ('pan', 'grip')), [0.1, 0.3])


@pytest.mark.parametrize(
    ('position', 'message'),
    [
        ([0.1, 0.2], 'got 2 positions for 3 names'),
        ([0.1, float('nan'), 0.3], r"NaN or infinity for \['lift'\]"),
        ([0.1, 0.2, float('inf')], r"NaN or infinity for \['grip'\]"),
    ],
)
def test_joint_state_that_makes_no_sense_is_named(position, message):
    with pytest.raises(VlaError, match=f'joint state: .*{message}'):
        messages.joint_positions(JointState(name=list(JOINTS), position=position), JOINTS)


def test_missing_joint_is_named():
    with pytest.raises(VlaError, match=r"joint state: got joints \['pan'\], .* also \['grip'\]"):
        messages.joint_positions(JointState(name=['pan'], position=[0.0]), ('pan', 'grip'))
