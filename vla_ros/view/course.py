# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The course of the queue over a run, however long, in bounded memory."""

from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice

from vla_ros.view.film import SPAN, Moment

MOST_MOMENTS = 6000  # several for each pixel of the figure; ten minutes of ten a second
MOST_RECENT = 1000  # of the last SPAN, should somebody tell more often than the queue does
GROUP = 4  # moments, of which two stay when there are too many
BIN = 1e-4  # s, to which a latency is kept
STARVED = 'STARVED'


class Course:
    """
    What is shown of the queue: its figures, its last seconds, and how full it was all along.

    Up to MOST_MOMENTS every moment is kept; of a longer run the lowest and the highest of each
    few, as many for each, so that nothing that a figure of its width can show is lost.
    """

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.recent: deque[Moment] = deque(maxlen=MOST_RECENT)  # of the last SPAN
        self._first: Moment | None = None
        self._kept: list[Moment] = []
        self._new: list[Moment] = []  # what stays so far of the newest few
        self._count, self._few = 0, 1  # moments among the newest few, and how many these are
        self._latencies: Counter[int] = Counter()  # chunks, by BIN
        self._longest = 0.0  # s, of a latency

    def add(self, moment: Moment) -> None:
        """Take note of how the queue stands."""
        self._first = self._first or moment
        if self.recent and moment.accepted > self.recent[-1].accepted:
            self._latencies[round(moment.latency / BIN)] += 1
            self._longest = max(self._longest, moment.latency)
        self._keep(moment)
        self.recent.append(moment)
        while not moment.time - SPAN < self.recent[0].time <= moment.time:  # or the clock was set
            self.recent.popleft()

    @property
    def moments(self) -> list[Moment]:
        """Return what is kept of the whole run, with its first and its last moment."""
        kept = [*self._kept, *self._new]
        if self._first is not None and kept[0] is not self._first:
            kept.insert(0, self._first)
        if self.recent and kept[-1] is not self.recent[-1]:
            kept.append(self.recent[-1])
        return kept

    @property
    def figures(self) -> str:
        """Return the figures of the run in words."""
        chunks = self._latencies.total()
        if not chunks:
            return 'No chunk was played.'
        last, median = self.recent[-1], self._median(chunks)
        return (
            f'{chunks} chunks, each {1e3 * median:.0f} ms after its observation '
            f'(median; {1e3 * self._longest:.0f} ms at most). The queue ran dry {last.starved} '
            f'times, {last.limited} commands were held within the limits of the arm.'
        )

    def _keep(self, moment: Moment) -> None:
        self._new.append(moment)
        self._count += 1
        if len(self._new) == GROUP:
            self._new = extremes(self._new)
        if self._count == self._few and len(self._kept) >= MOST_MOMENTS:
            groups = (self._kept[i : i + GROUP] for i in range(0, len(self._kept), GROUP))
            self._kept = [each for group in groups for each in extremes(group)]
            self._few = max(GROUP, 2 * self._few)
        if self._count == self._few:
            self._kept += extremes(self._new)
            self._new, self._count = [], 0

    def _median(self, count: int) -> float:
        """Return the median of the ``count`` latencies, s."""
        ascending = (value for value, n in sorted(self._latencies.items()) for _ in range(n))
        middle = list(islice(ascending, (count - 1) // 2, count // 2 + 1))
        return BIN * sum(middle) / len(middle)


def extremes(moments: Sequence[Moment]) -> list[Moment]:
    """
    Return two moments of some: the lowest and the highest, in the order in which they were.

    Of several that are as low, one at which the queue had run dry stays. Where all are alike the
    first and the last stay.
    """
    places = range(len(moments))
    low = min(places, key=lambda i: (moments[i].fill, moments[i].mode != STARVED))
    high = max(places, key=lambda i: (moments[i].fill, i))
    both = {low, high} if low != high else {0, places[-1]}
    return [moments[place] for place in sorted(both)]
