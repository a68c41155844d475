# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A blend of one's own: a function of timelines, and its entry in AGGREGATES."""

import numpy as np
import pytest

from vla_ros.core.blending import AGGREGATES, aggregate_function, weighted
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.queue import ActionQueue
from vla_ros.core.settings import ExecutorConfig


def doubtful(old, chunks, now):
    """Take half of what is new, and less of it the more it contradicts what is queued."""
    new = chunks[-1]
    doubt = np.abs(new.values - old.at(new.start + new.step * np.arange(len(new.values)))).max()
    return weighted(0.5 / (1.0 + float(doubt)), old, chunks, now)


def test_the_queue_plays_with_it(monkeypatch):
    monkeypatch.setitem(AGGREGATES, 'doubtful', doubtful)
    assert ExecutorConfig(aggregate_fn_name='doubtful')
    queue = ActionQueue(aggregate_function('doubtful'))
    for sequence, value in ((1, 0.0), (2, 1.0)):
        queue.push(ActionChunk(np.full((30, 1), value), 0.0, 0.1, sequence, ('pan',)), 0.0)
    assert queue.sample(1.0) == pytest.approx([0.25])
