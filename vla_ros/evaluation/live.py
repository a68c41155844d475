# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Evaluation on a real arm: which trial comes next, what came of it, what it says.

Every planned scene is played once by each policy, in an order by chance; the person who sets the
scenes up and judges is told a letter in place of a policy. What came of each trial is written at
once, so that a session goes on after a break.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import append_json, read_lines, write_json
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.evaluation.paired import paired_difference
from vla_ros.evaluation.statistics import success_rate

SESSION, TRIALS, BAGS = 'session.json', 'trials.jsonl', 'bags'


class Trial(NamedTuple):
    """One scene, to be played by one policy."""

    number: int  # from 1
    scene: PlannedEpisode
    policy: str
    letter: str  # the policy's, for whoever judges


@dataclass(frozen=True)
class Outcome:
    """What came of a trial."""

    success: bool
    duration: float  # s
    note: str = ''  # why it failed
    recording: str = ''  # its folder among the session's bags


def plan_trials(
    policies: Sequence[str], scenes: Sequence[PlannedEpisode], seed: int
) -> list[Trial]:
    """
    Return the trials in the order to play them, the same for the same seed.

    Scene follows scene, so that light and wear are the same for all policies; which one begins,
    and which letter it has, is up to chance.
    """
    if len(set(policies)) != len(policies):
        raise ConfigError(f'policies: got {", ".join(policies)}, expected different ones')
    rng = np.random.default_rng(seed)
    letters = [chr(ord('A') + int(index)) for index in rng.permutation(len(policies))]
    ordered = [(scene, int(index)) for scene in scenes for index in rng.permutation(len(policies))]
    return [
        Trial(number, scene, policies[index], letters[index])
        for number, (scene, index) in enumerate(ordered, 1)
    ]


class Session:
    """The trials of one evaluation and what came of them, in a folder."""

    def __init__(self, folder: Path, trials: Sequence[Trial], held_out: int = 0) -> None:
        """
        Begin, or go on with what the folder holds; ``held_out`` is the cluster of validation.

        Raises ConfigError where that are other trials.
        """
        self._trials, self._file = list(trials), folder / TRIALS
        self._held_out = held_out
        self.outcomes: dict[int, Outcome] = {}  # by the number of the trial
        described = [_describe(trial) for trial in trials]
        if (folder / SESSION).exists():
            if _read_json(folder / SESSION) != described:
                raise ConfigError(
                    f'{folder}: holds a session of other policies or scenes; give the same '
                    'arguments as then, or another folder'
                )
        else:
            write_json(folder / SESSION, described)
        for line in read_lines(self._file):
            self._take(line)

    @property
    def remaining(self) -> Iterator[Trial]:
        """Yield the trials that nothing has come of yet, in order."""
        return (trial for trial in self._trials if trial.number not in self.outcomes)

    def add(self, trial: Trial, outcome: Outcome) -> None:
        """Note what came of a trial, on the disk too."""
        self.outcomes[trial.number] = outcome
        append_json(self._file, {'trial': trial.number, **asdict(outcome)})

    def summary(self) -> str:
        """Return the study's table of the trials so far, and how the policies differ."""
        lines = ['policy            set         trials  success [95 % interval]']
        for policy in dict.fromkeys(trial.policy for trial in self._trials):
            for name, trials in self._sets(policy).items():
                wins = [self.outcomes[trial.number].success for trial in trials]
                rate = success_rate(sum(wins), len(wins))
                lines.append(f'{Path(policy).name:16}  {name:10}  {len(wins):6}  {rate}')
        return '\n'.join([*lines, *self._differences()])

    def _sets(self, policy: str) -> dict[str, list[Trial]]:
        """Return the finished trials of a policy, by the study's sets."""
        done = [t for t in self._trials if t.policy == policy and t.number in self.outcomes]
        sets = {
            'test': [t for t in done if t.scene.cluster != self._held_out],
            'validation': [t for t in done if t.scene.cluster == self._held_out],
        }
        sets = {name: trials for name, trials in sets.items() if trials}
        return sets | ({'global': done} if len(sets) > 1 else {})

    def _differences(self) -> Iterator[str]:
        """Yield how each policy differs from the first, on the scenes that both have played."""
        first, *others = dict.fromkeys(trial.policy for trial in self._trials)
        for other in others:
            wins = [self._wins(first), self._wins(other)]
            shared = [scene for scene in wins[0] if scene in wins[1]]
            if not shared:
                continue
            difference = paired_difference(*([won[scene] for scene in shared] for won in wins))
            yield (
                f'{Path(other).name} against {Path(first).name}, same {len(shared)} scenes: '
                f'{difference} points, p = {difference.p:.2f}'
            )

    def _wins(self, policy: str) -> dict[PlannedEpisode, bool]:
        return {
            trial.scene: self.outcomes[trial.number].success
            for trial in self._trials
            if trial.policy == policy and trial.number in self.outcomes
        }

    def _take(self, line: str) -> None:
        try:
            found = json.loads(line)
            number = int(found.pop('trial'))
            if type(found['success']) is not bool:
                raise TypeError(f'success: got {found["success"]!r}, expected true or false')
            self.outcomes[number] = Outcome(**found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f'{self._file}: got the line {line!r} ({error}), expected a trial; remove it'
            ) from None


def _describe(trial: Trial) -> dict[str, Any]:
    scene = trial.scene
    return {'number': trial.number, 'policy': trial.policy, 'letter': trial.letter} | {
        'cluster': scene.cluster,
        'seed': scene.seed,
    }


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ConfigError(f'{path}: cannot be read: {error}; use another folder') from None
