# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Observation: what the robot saw and felt at one time, put together from several streams."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from vla_ros.core.timing import round_up

KEEP = 3.0  # times max_skew, before what all sources have reached: older ones can't be wanted


class Sample(NamedTuple):
    """One message of a source."""

    time: float  # s, when it was measured
    value: Any


@dataclass(frozen=True)
class Observation:
    """One sample of each source, measured at nearly the same time."""

    time: float  # s, of the oldest sample: never fresher than it is
    values: dict[str, Any]


class Observations:
    """
    Collects the samples of several sources; hands out the newest set that belongs together.

    Samples belong together where their times lie within ``max_skew`` (s). No sample is handed
    out twice: each set is newer than the one before in every source. One older than ``max_age``
    (s) is not handed out at all. Samples that arrive late or twice are dropped; a clock that
    went back by more than ``max_age`` starts anew.
    """

    def __init__(self, sources: Sequence[str], max_skew: float, max_age: float) -> None:
        """Begin with no samples."""
        self.max_skew = max_skew
        self.max_age = max_age
        self.waiting_for = ''  # why ``take`` had nothing to give
        self._samples: dict[str, deque[Sample]] = {source: deque() for source in sources}
        self._newest: dict[str, float] = {}  # s, time of the last sample kept, used or not

    def add(self, source: str, time: float, value: Any) -> None:
        """Keep a sample of ``source`` that was measured at ``time`` (s)."""
        if time < self._newest.get(source, time) - self.max_age:
            self.clear()
        if time <= self._newest.get(source, float('-inf')):
            return
        self._newest[source] = time
        samples = self._samples[source]
        samples.append(Sample(time, value))
        # a source may be late, and the others' samples of its time are then waited for
        useless = self.reached - KEEP * self.max_skew
        while samples[0].time < max(useless, time - max(self.max_age, KEEP * self.max_skew)):
            samples.popleft()

    def clear(self) -> None:
        """Forget every sample."""
        self._newest.clear()
        for samples in self._samples.values():
            samples.clear()

    @property
    def reached(self) -> float:
        """Return the last time that all sources have reached (s); minus infinity before that."""
        newest = (samples[-1].time if samples else -inf for samples in self._samples.values())
        return min(newest)

    def nearest(self, time: float) -> dict[str, Sample]:
        """Return each source's sample nearest to ``time`` (s), of two the older; all have one."""
        return {
            source: min(samples, key=lambda sample: abs(sample.time - time))
            for source, samples in self._samples.items()
        }

    def take(self, now: float) -> Observation | None:
        """Return the newest set at ``now`` (s), or None; ``waiting_for`` then says for what."""
        missing = [source for source, samples in self._samples.items() if not samples]
        if missing:
            self.waiting_for = f'{", ".join(missing)}: nothing new; check that it is published'
            return None
        chosen = self.nearest(self.reached)
        self.waiting_for = self._objection(chosen, now)
        if self.waiting_for:
            return None
        for source, sample in chosen.items():
            self._use(source, sample)
        time = min(sample.time for sample in chosen.values())
        return Observation(time, {source: sample.value for source, sample in chosen.items()})

    def _objection(self, chosen: dict[str, Sample], now: float) -> str:
        oldest = min(chosen, key=lambda source: chosen[source].time)
        newest = max(chosen, key=lambda source: chosen[source].time)
        skew = chosen[newest].time - chosen[oldest].time
        if skew > self.max_skew:
            return (
                f'{oldest} and {newest}: got {skew:.3f} s apart, expected at most max_skew '
                f'{self.max_skew:.3f} s; synchronise the sources or raise max_skew'
            )
        age = now - chosen[oldest].time
        if abs(age) > self.max_age:
            return (
                f'{oldest}: got a stamp {round_up(abs(age)):.3f} s '
                f'{"old" if age > 0 else "ahead"}, expected at most max_age {self.max_age:.3f} s; '
                'check its rate and the clocks'
            )
        return ''

    def _use(self, source: str, sample: Sample) -> None:
        samples = self._samples[source]
        while samples and samples[0].time <= sample.time:
            samples.popleft()
