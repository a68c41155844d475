# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One episode after the other, until a plan is covered."""

from collections.abc import Callable
from pathlib import Path

from vla_ros.core.errors import VlaError
from vla_ros.dataset import bag
from vla_ros.dataset.bag import Episode, EpisodeInfo
from vla_ros.dataset.coverage import Coverage, measure
from vla_ros.dataset.plan import Plan, PlannedEpisode
from vla_ros.dataset.recording import Recording


class Session:
    """
    Leads through a plan and keeps the books of a folder of recordings, which it locks.

    At most one episode is being recorded at a time. What an earlier recorder left unfinished is
    made readable and not counted.
    """

    def __init__(
        self,
        root: Path,
        plan: Plan,
        record: Callable[[EpisodeInfo], Recording],
        limit: int = 0,
    ) -> None:
        """
        Go on in the folder ``root``; ``record`` begins an episode there.

        The session is over after ``limit`` kept episodes (0: when nothing is missing). Raises
        ConfigError where another recorder has the folder.
        """
        self._lock = bag.claim(root)
        self.leftovers = {folder: bag.salvage(folder) for folder in bag.list_unfinished(root)}
        self.recording: Recording | None = None
        self._episodes = bag.list_episodes(root)
        self._plan = plan
        self._record = record
        self._limit = limit
        self._kept = 0
        self._tries = 0  # that the next start has failed

    def close(self) -> None:
        """Throw a running episode away and let go of the folder."""
        if self.recording:
            self.drop()
        self._lock.close()

    @property
    def coverage(self) -> Coverage:
        """Return what of the plan is done."""
        return measure(self._plan, [episode.info for episode in self._episodes])

    @property
    def next(self) -> PlannedEpisode | None:
        """Return what to record next, or None; a start that failed comes with another seed."""
        start = None if self._limit and self._kept >= self._limit else self.coverage.next
        return start and start._replace(seed=start.seed + self._tries)

    @property
    def running(self) -> Recording:
        """Return the episode that is being recorded; raise VlaError where there is none."""
        if self.recording is None:
            raise VlaError('no episode is being recorded: start one first')
        return self.recording

    def begin(
        self,
        start: PlannedEpisode,
        robot: str = '',
        notes: str = '',
        rotation: float | None = None,
    ) -> Recording:
        """
        Begin an episode; raise VlaError while another one runs.

        ``rotation`` is that of the object about the vertical (rad), where it is known.
        """
        if self.recording:
            raise VlaError(f'{self.recording.name} is being recorded: keep or discard it first')
        info = EpisodeInfo(
            start.cluster,
            start.seed,
            start.recovery,
            robot,
            notes,
            rotation=rotation,
            goal=start.goal,
        )
        self.recording = self._record(info)
        return self.recording

    def keep(self, outcome: str) -> Episode:
        """Finish the running episode and return it; raises what ``Recording.keep`` raises."""
        recording, self.recording = self.running, None
        episode = recording.keep(outcome)
        self._episodes.append(episode)
        self._kept += 1
        self._tries = 0
        return episode

    def drop(self, failed: bool = False) -> Recording:
        """Throw the running episode away; one that ``failed`` is tried with another seed."""
        recording, self.recording = self.running, None
        recording.discard()
        self._tries += failed
        return recording

    def remove_last(self) -> Episode:
        """Throw the last episode away that this session kept; raise VlaError without one."""
        if not self._kept:
            raise VlaError('there is nothing to discard: this recorder has not kept an episode')
        episode = self._episodes.pop()
        self._kept -= 1
        bag.remove(episode.path)
        return episode
