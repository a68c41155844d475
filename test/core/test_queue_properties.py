# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The queue against slow references: tables of numbered time steps, as LeRobot keeps them."""

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import STEP, chunk

from vla_ros.core.blending import AGGREGATES
from vla_ros.core.queue import ActionQueue, PushResult

WEIGHTS = {'latest_only': 1.0, 'weighted_average': 0.7, 'average': 0.5, 'conservative': 0.3}
ON_THE_NEW_GRID = [*sorted(WEIGHTS), 'temporal_ensemble']


class Reference:
    """A dict from time step to action; takes LeRobot's rules, without LeRobot's faults."""

    def __init__(self, weight):
        self.table = {}
        self.weight = weight
        self.newest = -1

    def push(self, values, start, sequence, now):
        if sequence <= self.newest or start + len(values) <= now:
            return
        self.newest = sequence
        self.table = {step: value for step, value in self.table.items() if step >= now}
        for step, value in enumerate(values, start):
            if step >= now:
                old = self.table.get(step, value)
                self.table[step] = self.weight * value + (1 - self.weight) * old

    def sample(self, now):
        return self.table.get(now)


class Ensemble(Reference):
    """Keeps every chunk; the oldest that has a row for a time weighs most."""

    def __init__(self):
        super().__init__(0.0)
        self.chunks = []

    def push(self, values, start, sequence, now):
        if sequence <= self.newest or start + len(values) <= now:
            return
        self.newest = sequence
        self.chunks.append(dict(enumerate(values, start)))

    def sample(self, now):
        found = [chunk[now] for chunk in self.chunks if now in chunk]
        weights = [exp(-0.01 * i) for i in range(len(found))]
        if not found:
            return None
        return sum(w * v for w, v in zip(weights, found, strict=True)) / sum(weights)


class Ramp(Reference):
    """Goes over to the new chunk step by step, none larger than the largest inside a chunk."""

    def __init__(self):
        super().__init__(0.0)
        self.inside = []  # the rows that were put on the table last, late ones too

    def push(self, values, start, sequence, now):
        if sequence <= self.newest or start + len(values) <= now:
            return
        self.newest = sequence
        self.table = {step: value for step, value in self.table.items() if step >= now}
        if not self.table:
            self.table = {step: value for step, value in enumerate(values, start) if step >= now}
            self.inside = values
            return
        self.line = self._merge(dict(enumerate(values, start)), now)
        largest = max([*self._steps(self.inside), *self._steps(values), 0.0])
        ends = abs(self.line[-1] - self.line[0])
        largest = max(largest, ends / max(1, len(self.line) - 1))
        for i in range(1, len(self.line)):
            before = self.line[i - 1]
            self.line[i] = min(max(self.line[i], before - largest), before + largest)
        self.table, self.inside = dict(enumerate(self.line, now)), self.line

    def _merge(self, new, now):
        ends, line = min(max(self.table), max(new)), []
        for step in range(now, max(*self.table, *new) + 1):
            old = self.table.get(step, self.table[max(self.table)])
            share = min(1.0, (step - now) / (ends - now)) if ends > now else float(step > now)
            line.append(old + share * (new[step] - old) if step in new else old)
        return line

    @staticmethod
    def _steps(line):
        return [abs(b - a) for a, b in zip(line, line[1:], strict=False)]


REFERENCES = {
    **{name: (lambda weight=weight: Reference(weight)) for name, weight in WEIGHTS.items()},
    'temporal_ensemble': Ensemble,
    'linear_ramp': Ramp,
}

positions = st.floats(-3.0, 3.0)
answers = st.tuples(
    st.lists(positions, min_size=1, max_size=12),  # the chunk
    st.integers(0, 8),  # steps that it took to compute
    st.integers(-2, 3),  # by how much the sequence goes up
    st.integers(0, 6),
)  # steps until the next one arrives


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(REFERENCES)), st.lists(answers, max_size=12), st.integers(0, 10**7))
def test_every_tick_agrees_with_the_reference(name, events, epoch):
    queue, reference = ActionQueue(AGGREGATES[name]), REFERENCES[name]()
    now, sequence = epoch, 0
    for values, delay, rise, pause in events:
        sequence = max(0, sequence + rise)
        start = now - delay
        queue.push(chunk(values, start * STEP, sequence), now * STEP)
        reference.push(values, start, sequence, now)
        for tick in range(now, now + pause + 1):
            expected, got = reference.sample(tick), queue.sample(tick * STEP)
            assert (expected is None) == (got is None)
            assert expected is None or got == pytest.approx(expected, abs=1e-6)
        now += pause


arrivals = st.tuples(
    st.integers(1, 40),  # rows
    st.integers(5, 200),  # ms, step
    st.integers(0, 2000),  # ms, age of the observation
    st.integers(-3, 4),  # by how much the sequence goes up
    st.integers(0, 1500),
)  # ms until the next one arrives


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ON_THE_NEW_GRID),
    st.lists(arrivals, max_size=10),
    st.sampled_from([0, 1_800_000_000]),
    st.integers(1, 100),
)
def test_every_position_is_played_at_its_time_though_no_two_chunks_share_a_grid(
    name, events, epoch, period
):
    queue, now, sequence, end, step = ActionQueue(AGGREGATES[name]), 0, 0, -1, 1
    for rows, new_step, age, rise, pause in events:
        sequence = max(0, sequence + rise)
        times = [now - age + row * new_step for row in range(rows)]  # ms; the positions are these
        plan = chunk(times, epoch + times[0] / 1e3, sequence, new_step / 1e3)
        if queue.push(plan, epoch + now / 1e3) is PushResult.ACCEPTED:
            # where the old chunk ends later its tail follows, on the grid of the new one
            tail = (end - times[-1]) // new_step * new_step if end + step > now else 0
            end, step = times[-1] + max(0, tail), new_step
        for time in range(now, now + pause + 1, period):
            sample = queue.sample(epoch + time / 1e3)
            assert (sample is None) == (time >= end + step)
            assert sample is None or sample == pytest.approx(min(time, end), abs=0.01)
        now += pause


times = st.floats(0.0, 2.0)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(AGGREGATES)),
    st.lists(
        st.tuples(
            st.lists(positions, min_size=1, max_size=12), times, st.floats(0.001, 0.5), times
        ),
        min_size=1,
        max_size=8,
    ),
    st.lists(times, max_size=8),
)
def test_whatever_arrives_the_positions_stay_among_those_that_the_policy_gave(
    name, events, lookahead
):
    queue, now, given_values = ActionQueue(AGGREGATES[name]), 0.0, []
    for sequence, (values, age, step, pause) in enumerate(events):
        queue.push(chunk(values, now - age, sequence, step), now)
        given_values += values
        for later in (0.0, *lookahead):
            sample = queue.sample(now + later)
            assert (sample is None) == (queue.remaining(now + later) == 0.0)
            if sample is not None:
                assert min(given_values) - 1e-9 <= sample.min()
                assert sample.max() <= max(given_values) + 1e-9
        assert 0.0 <= queue.fill(now) <= 1.0
        now += pause


@settings(max_examples=200, deadline=None)
@given(
    st.lists(positions, min_size=1, max_size=12),
    st.lists(positions, min_size=1, max_size=12),
    times,
    st.floats(0.01, 0.3),
    st.floats(0.01, 0.3),
    times,
    st.floats(0.0, 0.9),
)
def test_newest_chunk_alone_decides_where_it_has_rows_and_the_old_tail_follows(
    old, new, start, old_step, new_step, age, ahead
):
    queue, now = ActionQueue(AGGREGATES['latest_only']), start
    first = chunk(old, now, 1, old_step)
    second = chunk(new, now - age, 2, new_step)
    queue.push(first, now)
    if queue.push(second, now) is not PushResult.ACCEPTED:
        return
    for time in np.linspace(now, second.end, 7) if now < second.end else ():
        assert queue.sample(time) == pytest.approx(second.at(time), abs=1e-6)
    after = second.start + second.duration
    kept = first.end - after
    if kept > new_step:  # the tail lies on the grid of the new chunk, which may cut its end
        time = after + np.floor(ahead * kept / new_step) * new_step
        assert queue.sample(time) == pytest.approx(first.at(time), abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(positions, min_size=1, max_size=12),
    st.sampled_from([{'sequence': 1}, {'start': -9.0}, {'start': 99.0}]),
    st.lists(positions, min_size=1),
)
def test_push_is_all_or_nothing(old, fault, new):
    queue = ActionQueue(AGGREGATES['average'])
    queue.push(chunk(old, 0.0, 1), 0.0)
    times = np.linspace(0.0, 1.5, 20)
    before = [queue.sample(time) for time in times]
    result = queue.push(chunk(new[:9], **{'start': 0.0, 'sequence': 2, **fault}), 0.0)
    assert result is not PushResult.ACCEPTED
    for sample, time in zip(before, times, strict=True):
        assert np.array_equal(sample, queue.sample(time)) or sample is None
