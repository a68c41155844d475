# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The figures of an evaluation in a file: written after each episode, and gone on with from there.

Of thousands of episodes they are written a little less often: writing never takes a share that
counts of the time. Whatever ends a run, what was played is kept; the same command plays what is
missing. Every episode has a seed of its own: they are those of one run that nothing ended.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import descriptor, read_json, to_json, write_json
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.evaluation.protocol import Score
from vla_ros.sim.rollout import EpisodeResult

FACTS = (  # of an episode
    'cluster',
    'seed',
    'asked',
    'goal',
    'success',
    'at_other_goal',
    'duration',
    'idle',
    'starved',
    'latencies',
    'pictures',
    'reused',
)
TOLD = (  # of the settings, first in the file
    'policy',
    'mode',
    'set',
    'chunk_size_threshold',
    'aggregate_fn_name',
    'reuse_threshold',
)
RARELY = 20.0  # times as long as it takes to write them are between two writings of many figures
MEND = 'name another file, or remove that one'


class Figures:
    """What was played of a plan, and what it comes to."""

    def __init__(
        self,
        path: Path | None,
        settings: Mapping[str, Any],
        plan: Sequence[PlannedEpisode],
        sum_up: Callable[[list[EpisodeResult]], Mapping[str, Score]],
    ) -> None:
        """
        Begin, or go on with what the file holds; without ``path`` there is none.

        ``settings`` (values of JSON, by the option that gives them) decide what is played. Raise
        ConfigError, naming them, where the file holds a part of an evaluation with others; a whole
        one is replaced.
        """
        self._path, self._sum_up = path, sum_up
        self._settings: dict[str, Any] = json.loads(to_json(settings))
        self._plan = list(plan)
        # a file that is there, or shall be: /dev/stdout, be it redirected, is told the whole alone
        self._grows = path is not None and descriptor(path) is None
        self.results = self._read(path) if path is not None and self._grows else []
        self.kept = len(self.results)  # that an earlier run played
        self._written = self._cost = 0.0  # s: when, and how long it took

    @property
    def left(self) -> list[PlannedEpisode]:
        """Return the episodes that nobody has played yet, in order."""
        return self._plan[len(self.results) :]

    def add(self, result: EpisodeResult) -> None:
        """Take note of the next episode, on the disk too, unless that would take long by now."""
        self.results.append(result)
        began = time.monotonic()
        if self._grows and began - self._written >= RARELY * self._cost:
            self.write()
            self._written = time.monotonic()
            self._cost = self._written - began

    def write(self) -> None:
        """Write what there is, where that is asked for."""
        if self._path is None:
            return
        scores = self._sum_up(self.results)
        content = {
            **{name: self._settings[name] for name in TOLD if name in self._settings},
            'settings': self._settings,
            'planned': len(self._plan),
            'sets': {name: part.as_dict() for name, part in scores.items()},
            'episodes': [_facts(result) for result in self.results],
        }
        write_json(self._path, content)

    def _read(self, path: Path) -> list[EpisodeResult]:
        if not path.is_file():
            return []
        content = read_json(path)
        if not isinstance(content, dict) or not {'settings', 'planned', 'episodes'} <= set(
            content
        ):
            return []  # some other file: it is replaced, as by any command
        try:
            before = dict(content['settings'])
            results = [_result(facts) for facts in content['episodes']]
            whole = len(results) >= content['planned']
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f'{path}: got no figures of an evaluation ({error!r}); {MEND}'
            ) from None
        if before == self._settings and self._are_planned(results):
            return results
        if whole:
            return []
        raise ConfigError(
            f'{path}: holds {len(results)} of {content["planned"]} episodes, played with '
            f'{self._differences(before)}; give the same to go on with it, {MEND}'
        )

    def _are_planned(self, results: Sequence[EpisodeResult]) -> bool:
        """Say whether these are the first episodes of the plan."""
        planned = [(item.cluster, item.seed, item.goal) for item in self._plan[: len(results)]]
        return planned == [(item.cluster, item.seed, item.asked) for item in results]

    def _differences(self, before: Mapping[str, Any]) -> str:
        """Name what was otherwise, and how it is now."""
        now = self._settings
        return (
            ', '.join(
                f'{name} {before.get(name)!r} (got {now.get(name)!r})'
                for name in {**before, **now}
                if before.get(name) != now.get(name)
            )
            or 'other episodes'
        )


def _facts(result: EpisodeResult) -> dict[str, object]:
    return {name: getattr(result, name) for name in FACTS}


def _result(facts: Mapping[str, Any]) -> EpisodeResult:
    """Return an episode of which the states, for a video, are not known any more."""
    for name in ('success', 'at_other_goal'):
        if type(facts[name]) is not bool:
            raise TypeError(f'{name}: got {facts[name]!r}, expected true or false')
    values: dict[str, Any] = {name: facts[name] for name in FACTS}
    values |= {name: float(facts[name]) for name in ('duration', 'idle')}
    values |= {name: int(facts[name]) for name in ('cluster', 'seed', 'starved')}
    values |= {name: str(facts[name]) for name in ('asked', 'goal')}
    values['latencies'] = [float(seconds) for seconds in facts['latencies']]
    for name in ('pictures', 'reused'):
        values[name] = Counter({str(key): int(count) for key, count in facts[name].items()})
    return EpisodeResult(**values)
