# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the checks found, for people and programs: a table, JSON, and an HTML page."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

from vla_ros.dataset.checks.episodes import Episodes
from vla_ros.dataset.checks.finding import Finding

_HEAD = ('', 'check', 'scope', 'value', 'passes')
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd;
         vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.mark.good, span.good { color: #1a7f4b; } span.bad, .mark.bad { color: #b3263c; font-weight: 600; }
.mend { color: #555; font-size: .9em; } tr.mend td { padding-top: 0; }
tr.bad td, tr.mend td { background: #fdf1f2; } tr.bad td { border-bottom: none; }
.table { overflow-x: auto; }
@media (max-width: 40rem) { table { font-size: 13px; } td.number { white-space: normal; } }
figure { margin: 2rem 0; } img { max-width: 100%; } figcaption { color: #555; }
"""


def write_table(findings: Sequence[Finding]) -> str:
    """Return the findings as lines of text, with what to do about those that did not pass."""
    rows = [_HEAD] + [
        ('ok' if f.passed else 'BAD', f.name, f.scope, write_value(f), str(f.threshold))
        for f in findings
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    mends = [f'{f.name}, {f.scope}: {f.mend}.' for f in findings if not f.passed]
    return '\n'.join([*lines, '', *mends, write_verdict(findings)])


def write_value(finding: Finding) -> str:
    """Return the value with its unit."""
    return f'{finding.value:.3g} {finding.unit}'


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
    name: str, episodes: Episodes, findings: Sequence[Finding], figures: Mapping[str, Figure]
) -> str:
    """
    Return one page that needs no other file and no network; figures by their caption.

    What did not pass stands first.
    """
    seconds = sum(len(e.time) for e in episodes.episodes) / episodes.fps
    rows = '\n'.join(map(_row, sorted(findings, key=lambda finding: finding.passed)))
    pictures = '\n'.join(
        f'<figure><img alt="{escape(caption)}" src="{_embed(figure)}">'
        f'<figcaption>{escape(caption)}.</figcaption></figure>'
        for caption, figure in figures.items()
    )
    verdict = 'good' if all(finding.passed for finding in findings) else 'bad'
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)}: checks</title><style>{_STYLE}</style></head><body>
<h1>{escape(name)}</h1>
<p>{_count(len(episodes.episodes), 'episode')}, {seconds / 60:.1f} minutes,
{_count(len(episodes.cameras), 'camera')}.
<span class="{verdict}">{write_verdict(findings)}</span></p>
<div class="table"><table>
<tr><th></th><th>Check</th><th>Scope</th><th>Value</th><th>Passes</th></tr>
{rows}
</table></div>
{pictures}
</body></html>
"""


def _row(finding: Finding) -> str:
    mark, word = ('good', '&#10003;') if finding.passed else ('bad', '&#10007;')
    mend = f'<tr class="mend"><td></td><td colspan="4">{escape(finding.mend)}.</td></tr>'
    return (
        f'<tr class="{mark}"><td class="mark {mark}">{word}</td>'
        f'<td>{escape(finding.name)}</td>'
        f'<td>{escape(finding.scope)}</td>'
        f'<td class="number">{escape(write_value(finding))}</td>'
        f'<td class="number">{_write_limit(finding)}</td></tr>' + ('' if finding.passed else mend)
    )


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}{"s" * (number != 1)}'


def _write_limit(finding: Finding) -> str:
    """Return the values that pass with the signs of print."""
    return str(finding.threshold).replace('<=', '&le;').replace('>=', '&ge;')


def _embed(figure: Figure) -> str:
    """Return the figure as a data URI."""
    buffer = BytesIO()
    figure.savefig(buffer, format='png', dpi=110)
    return f'data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}'
