# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Budget of time: whether the next chunk arrives before the queue runs dry."""

from dataclasses import dataclass

HEADROOM = 1.2  # by how much a threshold that is raised exceeds what is needed
MOST_NEEDED = 0.5  # threshold; where more is needed, none is enough


@dataclass(frozen=True)
class Budget:
    """
    One setting of latency T, rate of rows f, chunk size H and refill threshold g.

    The queue holds g * H / f seconds of motion when the next chunk is asked for, and never runs
    dry where that lasts for the latency: g >= T * f / H. It is not asked for before the last one
    has come, which has H / f - T left then. So T may be half of H / f, whatever g is.
    """

    latency: float  # s, from observation to queue
    rate: float  # Hz, rows of a chunk per second
    chunk_size: int  # rows
    threshold: float  # 0..1

    @property
    def needed_threshold(self) -> float:
        """Return the smallest threshold that suffices; above MOST_NEEDED none does."""
        return self.latency * self.rate / self.chunk_size

    @property
    def margin(self) -> float:
        """Return the seconds of motion left when the next chunk comes; below 0 it comes late."""
        chunk = self.chunk_size / self.rate
        return min(self.threshold * chunk, chunk - self.latency) - self.latency

    @property
    def raised_threshold(self) -> float:
        """Return a threshold that suffices with some headroom, and is not below the present."""
        return min(1.0, max(self.threshold, HEADROOM * self.needed_threshold))

    def __str__(self) -> str:
        """Return the figures, and the mend where the queue runs dry."""
        text = (
            f'latency {self.latency:.3f} s at {self.rate:.0f} rows/s and {self.chunk_size} '
            f'rows per chunk needs chunk_size_threshold {self.needed_threshold:.2f}, '
            f'it is {self.threshold:.2f}'
        )
        if self.margin >= 0:
            return f'{text}: {self.margin:.2f} s to spare'
        late = f'the next chunk comes {-self.margin:.2f} s after the queue has run dry'
        if self.needed_threshold <= MOST_NEEDED:
            return f'{text}; raise it, lower the rate or make the chunks longer: {late}'
        return (
            f'{text}: no threshold is enough, as a chunk is asked for once the last one has come; '
            f'make the policy faster or its chunks longer, or lower the rate: {late}'
        )
