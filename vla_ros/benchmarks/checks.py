# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Test the checks of recordings: how many of each defect they find, and their false alarms.

Simulates recordings, spoils each of them in every way, and asks all checks. The recordings are
drawn from seeds of their own, on which no threshold was chosen.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vla_ros.benchmarks.ratios import check_count
from vla_ros.core.files import write_json
from vla_ros.core.picture_size import NOTATION, parse_size
from vla_ros.runtime.workers import work

if TYPE_CHECKING:  # MuJoCo is loaded when the command runs
    from vla_ros.benchmarks.defects import Recording
    from vla_ros.dataset.checks.episodes import Episodes

Spoil = Callable[['Recording'], 'Episodes']


class Trial(NamedTuple):
    """What the checks said of one recording."""

    alarms: list[str]  # checks that did not pass although nothing is wrong
    findings: int  # of the recording in which nothing is wrong
    found: dict[str, list[str]]  # defect: the checks meant for it that did not pass


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add('--recordings', type=int, default=20, help='how many (default: 20)')
    add('--starts', type=int, default=2, help='plain starts in each of 10 clusters (default: 2)')
    add('--recoveries', type=int, default=4, help='recoveries of a recording (default: 4)')
    add('--size', default='128x96', metavar=NOTATION, help='of the pictures (default: 128x96)')
    add('--seed', type=int, default=500, help='of the first recording (default: 500)')
    add('--workers', type=int, default=1, help='processes (default: 1)')


def run(args: Namespace) -> int:
    """Print the table; return 0 if all defects were found without a false alarm, else 1."""
    check_count('recordings', args.recordings)
    seeds = range(args.seed, args.seed + args.recordings)
    size = parse_size(args.size)
    attempt = partial(try_one, starts=args.starts, recoveries=args.recoveries, size=size)
    trials = []
    for trial in work(attempt, seeds, args.workers):
        trials.append(trial)
        print(f'{len(trials)} of {args.recordings} recordings', flush=True)
        result = summarise(trials)
        if args.json:
            write_json(args.json, result)
    print(make_table(result))
    missed = any(row['found'] < row['of'] for row in result['defects'])
    return int(missed or result['false_alarms'] > 0)


def defects(rng: np.random.Generator) -> dict[str, tuple[tuple[str, ...], Spoil]]:
    """Return each defect: the checks that should find it, and what spoils a recording with it."""
    from vla_ros.benchmarks import defects as make

    def film(film: Any, indices: slice = slice(None)) -> Spoil:
        return lambda recording: recording.spoil(film, recording.late[indices])

    drift, dark = ('camera drift',), ('brightness', 'brightness drift')
    last = slice(-1, None)
    return {
        'top camera moved 5 mm': (drift, film(make.move('top'))),
        'left camera moved 5 mm': (drift, film(make.move('left'))),
        'top camera yawed 1 degree': (drift, film(make.yaw('top', 2))),
        'left camera yawed 1 degree': (drift, film(make.yaw('left', 1))),
        'lights x 0.4': (dark, film(make.Film(light=0.4))),
        'white bag on white table': (('object contrast',), make.white_on_white),
        'frozen camera': (('frozen camera',), film(make.freeze('top'), last)),
        '10 % of the frames dropped': (
            ('missing frames', 'timestamp jitter'),
            lambda recording: make.drop_frames(recording, rng, renumber=False),
        ),
        'the same, times renumbered': (
            ('dropped frames',),
            lambda recording: make.drop_frames(recording, rng, renumber=True),
        ),
        'pictures 4 frames late': (('picture-to-state lag',), make.delay_pictures),
        'episode not ended': (('episode length',), make.forget_to_end),
        'episode cut in half': (('episode length',), make.cut_short),
        'missing cluster': (('cluster coverage',), make.lose_cluster),
        '5 % recovery': (('recovery share',), make.rare_recoveries),
        'held-out cluster leaked': (('held-out cluster',), make.leak_held_out),
        'calibration file changed': (('calibration changed',), make.change_calibration),
    }


def try_one(seed: int, starts: int, recoveries: int, size: tuple[int, int]) -> Trial:
    """Simulate a recording, spoil it in every way, and return what the checks say."""
    from vla_ros.benchmarks.defects import simulate

    return judge(simulate(seed, starts, recoveries, size), np.random.default_rng(seed))


def judge(recording: 'Recording', rng: np.random.Generator) -> Trial:
    """Return what the checks say of a recording, clean and spoilt."""
    from vla_ros.dataset.checks.catalogue import run_checks

    clean = run_checks(recording.clean)
    found = {}
    for name, (meant, spoil) in defects(rng).items():
        failed = {finding.name for finding in run_checks(spoil(recording)) if not finding.passed}
        found[name] = [check for check in meant if check in failed]
    alarms = [f'{f.name} {f.scope}: {f.value:.3g}' for f in clean if not f.passed]
    return Trial(alarms, len(clean), found)


def summarise(trials: list[Trial]) -> dict[str, Any]:
    """Return the table in JSON's types."""
    names = trials[0].found
    return {
        'recordings': len(trials),
        'findings': sum(trial.findings for trial in trials),
        'false_alarms': sum(len(trial.alarms) for trial in trials),
        'alarms': [alarm for trial in trials for alarm in trial.alarms],
        'defects': [
            {
                'defect': name,
                'found': sum(bool(trial.found[name]) for trial in trials),
                'of': len(trials),
                'by': sorted({check for trial in trials for check in trial.found[name]}),
            }
            for name in names
        ],
    }


def make_table(result: dict[str, Any]) -> str:
    """Return the table as text."""
    rows = [
        f'{row["defect"]:28} {row["found"]:3} of {row["of"]:<3} {", ".join(row["by"])}'
        for row in result['defects']
    ]
    alarms = (
        f'{result["false_alarms"]} false alarms among {result["findings"]} findings in '
        f'{result["recordings"]} recordings with nothing wrong'
    )
    return '\n'.join([f'{"defect":28} {"found":10} by', *rows, alarms, *result['alarms']])
