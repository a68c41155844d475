# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the checks found, for people and programs: a table, JSON, and an HTML page."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from vla_ros.core.columns import align
from vla_ros.dataset.checks.episodes import Episodes
from vla_ros.dataset.checks.finding import Finding
from vla_ros.view.report import (
    Verdict,
    paragraph,
    picture,
    plot,
    section,
    side_by_side,
    table,
    write_page,
)

if TYPE_CHECKING:  # only the page has figures: the rest does without matplotlib
    from matplotlib.figure import Figure

EXAMPLES = 3  # worst episodes that are shown of a check
_HEAD = ('', 'check', 'scope', 'value', 'passes')


def write_table(findings: Sequence[Finding]) -> str:
    """
    Return the findings as lines of text, which end with the verdict.

    Those that did not pass stand last, where a terminal is read first, each with its mend below.
    """
    ordered = sorted(findings, key=lambda finding: not finding.passed)
    rows = [_HEAD] + [
        ('ok' if f.passed else 'BAD', f.name, f.scope, write_value(f), str(f.threshold))
        for f in ordered
    ]
    lines = align(rows)
    for number, finding in reversed(list(enumerate(ordered, 1))):
        if not finding.passed:
            lines.insert(number + 1, f'     mend: {finding.mend}.')
    return '\n'.join([*lines, '', write_verdict(findings)])


def write_value(finding: Finding, value: float | None = None) -> str:
    """Return the value of a finding, or of one of its episodes, with its unit."""
    return f'{finding.value if value is None else value:.3g} {finding.unit}'


def write_verdict(findings: Sequence[Finding]) -> str:
    """Return the outcome in one sentence."""
    bad = sum(not finding.passed for finding in findings)
    return f'{len(findings)} checks, {bad or "all"} {"did not pass" if bad else "passed"}.'


def make_json(name: str, episodes: Episodes, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the outcome for programs."""
    return {
        'dataset': name,
        'episodes': len(episodes.episodes),
        'frames': sum(len(e.time) for e in episodes.episodes),
        'fps': episodes.fps,
        'passed': all(finding.passed for finding in findings),
        'findings': [finding.as_json() for finding in findings],
    }


def write_html(
    name: str, episodes: Episodes, findings: Sequence[Finding], figures: Mapping[str, 'Figure']
) -> str:
    """
    Return one page that needs no other file and no network; figures by their caption.

    What did not pass comes first, with pictures of the worst episodes; what passed comes last.
    """
    seconds = sum(len(e.time) for e in episodes.episodes) / episodes.fps
    bad = [finding for finding in findings if not finding.passed]
    passed = [finding for finding in findings if finding.passed]
    return write_page(
        f'{name}: checks',
        Verdict(write_verdict(findings), not bad),
        paragraph(
            f'{_count(len(episodes.episodes), "episode")}, {seconds / 60:.1f} minutes, '
            f'{_count(len(episodes.cameras), "camera")}.',
            quiet=True,
        ),
        section(
            'To be mended',
            table(
                _HEAD[1:],
                [_row(finding) for finding in bad],
                ['bad'] * len(bad),
                [f'{finding.mend}.' for finding in bad],
            ),
        ),
        *(
            section(
                f'{finding.name}, {finding.scope}: {write_value(finding)}',
                side_by_side(_examples(episodes, finding)),
            )
            for finding in bad
        ),
        section('Overview', *(plot(figure, f'{text}.') for text, figure in figures.items())),
        section(
            'Passed',
            table(_HEAD[1:], [_row(finding) for finding in passed], ['good'] * len(passed)),
        ),
    )


def _examples(episodes: Episodes, finding: Finding) -> Iterator[str]:
    """Yield pictures of the worst episodes of a check, beside how they should look."""
    where = finding.scope.partition(':')[0].split(', ')
    for camera in [name for name in episodes.cameras if name in where]:
        reference = episodes.reference_look(camera).start
        yield picture(reference, f'{camera}, to compare with')
        for episode in _worst(episodes, finding):
            value = finding.guilty.get(episode.index)
            told = '' if value is None else f': {write_value(finding, value)}'
            start = episode.looks[camera].start
            if finding.name == 'camera drift':
                told += '; red: as it should be, cyan: here'
                start = fringes(
                    episodes.reference_look(camera).background, episode.looks[camera].background
                )
            yield picture(start, f'{camera}, episode {episode.index}{told}')


def _worst(episodes: Episodes, finding: Finding) -> Iterator[Any]:
    """Yield the worst episodes of a check; the last one where it is about none of them alone."""
    by_index = {episode.index: episode for episode in episodes.episodes}
    yield from (by_index[i] for i in islice(finding.guilty, EXAMPLES) if i in by_index)
    if not finding.guilty:
        yield episodes.episodes[-1]


def fringes(reference: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return two pictures on top of each other, the first in red and the other in cyan."""
    red, cyan = (view.mean(axis=-1).astype(np.uint8) for view in (reference, seen))
    return np.stack([red, cyan, cyan], axis=-1)


def _row(finding: Finding) -> tuple[str, ...]:
    return finding.name, finding.scope, write_value(finding), _write_limit(finding)


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}{"s" * (number != 1)}'


def _write_limit(finding: Finding) -> str:
    """Return the values that pass with the signs of print."""
    return str(finding.threshold).replace('<=', '≤').replace('>=', '≥')
