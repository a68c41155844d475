# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Refill: when to ask for the next chunk, and which answers are still welcome."""

FAR_AHEAD = 2**32  # requests; a number that is further ahead than this was never given out
LATE = 4.0  # times as long as an answer hardly ever takes: it does not come any more
SHORTEST_TIMEOUT = 1.0  # s


class Refill:
    """
    Asks for a chunk when the queue is low; at most one request is open at a time.

    Requests are numbered from 1, and a chunk carries the number of the request that it answers.
    A request that nobody answers counts as lost after ``timeout`` seconds, or sooner where it is
    known how long an answer takes (see ``expect``), and is made again under the next number: a
    node that has just come back may not be connected yet. An answer that comes after that is
    welcome all the same. Whether the robot has moved does not matter: a robot that stands still
    gets its next chunk too.
    """

    def __init__(self, threshold: float, timeout: float) -> None:
        """Ask at a fill of the queue (0 to 1) of at most ``threshold``."""
        self.open: int | None = None
        self.newest = 0
        self.lost = 0
        self.threshold = threshold
        self.asked_at = 0.0  # s, the open request
        self._timeout = self._longest = timeout
        self._oldest_welcome = 0

    def ask(self, now: float, fill: float) -> int | None:
        """Return the number of a new request at ``now`` (s), or None where none is due."""
        if self.open is not None:
            if now - self.asked_at < self._timeout:
                return None
            self.lost += 1
            self.open = None
        if fill > self.threshold:
            return None
        self.newest += 1
        self.open, self.asked_at = self.newest, now
        return self.newest

    def expect(self, latency: float) -> None:
        """Take note of how long an answer takes (s), hardly ever longer."""
        self._timeout = min(self._longest, max(SHORTEST_TIMEOUT, LATE * latency))

    def welcomes(self, sequence: int) -> bool:
        """Say whether an answer to that request may still be played."""
        return sequence >= self._oldest_welcome

    def knows(self, sequence: int) -> bool:
        """Say whether that number can be one of ours, of this process or of one before it."""
        return 0 <= sequence <= self.newest + FAR_AHEAD

    def answered(self, sequence: int) -> None:
        """
        Take note of an answer, of use or not.

        A number that was never given out comes from before a restart of this process, or from
        another asker; the next request goes beyond it, for the queue refuses what is older. One
        that can't come from either is not taken note of: numbers are of 64 bits, and would end.
        """
        if not self.knows(sequence):
            return
        self.newest = max(self.newest, sequence)
        if self.open is not None and sequence >= self.open:
            self.open = None

    def forget(self) -> None:
        """Close the open request; what was asked for up to now is unwelcome from here on."""
        self.open = None
        self._oldest_welcome = self.newest + 1
