# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages: built, complete, and the same after a trip over the wire."""

import array
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message

from vla_ros import msg as messages
from vla_ros.msg import (
    ActionChunk,
    EpisodeEvent,
    Features,
    QueueStatus,
    SimState,
    StageTiming,
    Tensor,
)

DEFINITIONS = sorted((Path(__file__).parents[2] / 'msg').glob('*.msg'))
TIMING = StageTiming(stage='vision_encoder', start=Time(sec=3), end=Time(sec=4, nanosec=1))


def after_a_trip(message):
    return deserialize_message(serialize_message(message), type(message))


def test_every_definition_is_built():
    assert {path.stem for path in DEFINITIONS} <= set(dir(messages))


@pytest.mark.parametrize('definition', DEFINITIONS, ids=lambda path: path.stem)
def test_every_field_has_a_comment(definition):
    lines = definition.read_text().splitlines()
    assert lines[0].startswith('# ')
    fields = [line for line in lines if line and not line.startswith('#')]
    assert not [f for f in fields if '#' not in f and not f.startswith('std_msgs/Header')]


def test_a_chunk_keeps_its_rows():
    rows = np.arange(12, dtype=np.float32).reshape(2, 6)
    chunk = ActionChunk(sequence=7, start=Time(sec=5, nanosec=1), step=1 / 30, timings=[TIMING])
    chunk.joint_names = [f'joint_{column}' for column in range(6)]
    chunk.values = array.array('f', rows.tobytes())
    copy = after_a_trip(chunk)
    assert copy == chunk
    assert np.array_equal(np.frombuffer(copy.values, np.float32).reshape(2, 6), rows)


def test_features_keep_the_bytes_of_their_tensors():
    values = np.random.default_rng(0).standard_normal((1, 4, 3)).astype(np.float32)
    tensor = Tensor(name='features', dtype='float32', shape=[1, 4, 3])
    tensor.data = values.tobytes()
    features = Features(sequence=2, instruction='Grab the tea bag.', tensors=[tensor])
    copy = after_a_trip(features).tensors[0]
    received = np.frombuffer(copy.data, copy.dtype).reshape(copy.shape)
    assert np.array_equal(received, values)


def test_the_simulated_world_keeps_its_pose():
    state = SimState(seed=2**64 - 1, qpos=[0.5, -1.0], names=['light'], values=[0.8])
    assert after_a_trip(state) == state


@pytest.mark.parametrize(
    ('kind', 'names'),
    [
        (QueueStatus, ['HOLDING', 'RUNNING', 'STARVED', 'WAITING', 'ESTOP']),
        (EpisodeEvent, ['RESET', 'START', 'SUCCESS', 'FAILURE', 'TIMEOUT', 'DONE']),
    ],
)
def test_constants_count_from_zero(kind, names):
    assert [getattr(kind, name) for name in names] == list(range(len(names)))
