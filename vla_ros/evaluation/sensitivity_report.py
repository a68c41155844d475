# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A sensitivity report: table, JSON, a page, and the recipe that it recommends."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure

from vla_ros.core.columns import align
from vla_ros.evaluation.sensitivity import REFERENCE, Finding
from vla_ros.view.report import Verdict, paragraph, plot, section, table, write_page

ERRORS = ('error', 'rms', 'worst', 'cosine', 'bias')
HEADER = ('variant', 'latency p50 / p95', 'speed', 'size', *ERRORS)
PLAYED = ('success', 'difference, points', 'lost / gained', 'p')
RECOMMENDED = '*'  # before the variant that is recommended
LEGEND = (
    'Latency: of the whole policy on this machine. Error: of actions against fp32, in their '
    'standard deviations: mean, root mean square, worst frame. Bias: by how much the joint that '
    'is off most is off on average; it moves the hand the same way every time, and no later chunk '
    'makes up for it. Success and difference: in simulation, with 95 % intervals, on the same '
    'episodes; lost and gained: episodes that only fp32, or only the variant, ended well.'
)


def recommend(findings: Sequence[Finding], max_drop: float, max_error: float) -> Finding:
    """
    Return the fastest whole recipe whose success dropped by ``max_drop`` (0..1) at most.

    Where no episodes were played, its mean action error may be ``max_error`` at most.
    """
    whole = [item for item in findings if item.variant.whole]
    good = [item for item in whole if _is_good(item, max_drop, max_error)]
    return min(good, key=lambda item: item.latency.p50)


def explain(chosen: Finding, max_drop: float) -> str:
    """Return the recommendation in words, with how sure it is."""
    text = f'recommended: {chosen.variant.name}, {chosen.latency.p50 * 1e3:.1f} ms'
    difference = chosen.difference
    if difference is None:
        return f'{text}; no episodes were played, so only the action error speaks for it'
    if chosen.variant.name == REFERENCE:
        return f'{text}; every faster recipe lost more than {max_drop * 100:g} points'
    sure = 'is' if difference.low >= -max_drop else 'is not'
    return (
        f'{text}; success changed by {difference} points on {difference.episodes} episodes; a '
        f'drop of more than {max_drop * 100:g} points {sure} ruled out with 95 % confidence'
    )


def text_table(findings: Sequence[Finding], chosen: Finding | None = None) -> str:
    """Return the findings as aligned text, with a mark before the one that was ``chosen``."""
    head, *rows = _rows(findings)
    marks = [RECOMMENDED if item is chosen else '' for item in findings]
    lines = [('', *head), *((mark, *row) for mark, row in zip(marks, rows, strict=True))]
    return '\n'.join(align(lines))


def write_html(policy: str, findings: Sequence[Finding], chosen: Finding, max_drop: float) -> str:
    """Return the page: what is recommended and how sure that is, then every variant."""
    head, *rows = _rows(findings)
    marks = ['chosen' if item is chosen else '' for item in findings]
    return write_page(
        f'{policy}: what precision costs',
        Verdict(explain(chosen, max_drop)),
        table(head, rows, marks),
        paragraph(LEGEND, quiet=True),
        section('In pictures', plot(draw(findings, chosen, max_drop), 'The larger ring: chosen.')),
    )


def _rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """Return the head and the cells of every variant."""
    played = any(item.success for item in findings)
    slowest = next(i for i in findings if i.variant.name == REFERENCE).latency.p50
    head: tuple[str, ...] = (*HEADER, *(PLAYED if played else ()))
    return [head, *((*_measured(item, slowest), *_played(item, played)) for item in findings)]


def as_dict(finding: Finding) -> dict[str, Any]:
    """Return plain values for JSON."""
    recipe = finding.variant.recipe
    return {
        'variant': finding.variant.name,
        'recipe': recipe.as_dict() if recipe else None,
        'size': finding.size,
        'latency': asdict(finding.latency),
        'error': finding.error.as_dict(),
        'success': finding.success
        and {**finding.success._asdict(), 'rate': finding.success.value},
        'difference': finding.difference and finding.difference._asdict(),
    }


def draw(findings: Sequence[Finding], chosen: Finding, max_drop: float) -> Figure:
    """Draw the error along the chunk, and success (or error) over latency."""
    figure = Figure(figsize=(12, 4.8), layout='constrained')
    left, right = figure.subplots(1, 2)
    changed = [item for item in findings if item.variant.name != REFERENCE]
    colours = [colormaps['tab10'](number) for number in range(10)]
    for number, item in enumerate(changed):
        style = {'color': colours[number % 10], 'linestyle': '-' if item.variant.whole else '--'}
        left.plot(range(1, len(item.error.by_step) + 1), item.error.by_step, **style)
        _point(right, item, colours[number % 10], max_drop)
    left.set_xlabel('row of the chunk')
    left.set_ylabel('mean error (standard deviations of the action)')
    left.set_title('Action error along the chunk', loc='left')
    left.set_ylim(bottom=0)
    reference = next(item for item in findings if item.variant.name == REFERENCE)
    _point(right, reference, 'black', max_drop)
    ring = {'marker': 'o', 'markersize': 18, 'fillstyle': 'none', 'linestyle': ''}
    place = chosen.latency.p50 * 1e3, _height(chosen)
    right.plot(*place, color='#1a7f42', markeredgewidth=2, label='recommended', **ring)
    right.set_xlabel('latency of the policy, p50 (ms)')
    right.set_xlim(left=0)
    right.legend(fontsize='small', frameon=False, bbox_to_anchor=(1, 1), loc='upper left')
    for axis in (left, right):
        axis.spines[['top', 'right']].set_visible(False)
    return figure


def _height(item: Finding) -> float:
    """Return where a variant stands in the right plot."""
    return item.error.mae if item.difference is None else 100 * item.difference.value


def _point(axis: Any, item: Finding, colour: Any, max_drop: float) -> None:
    """Mark one variant: what it gained in time, and what it cost."""
    style = {'color': colour, 'marker': 'o' if item.variant.whole else 'x', 'linestyle': ''}
    milliseconds, name = item.latency.p50 * 1e3, item.variant.name
    if item.difference is None:
        axis.plot(milliseconds, item.error.mae, label=name, **style)
        axis.set_ylabel('mean action error')
        axis.set_title('Error over latency', loc='left')
        return
    value, low, high = (100 * v for v in item.difference[3:6])
    if name == REFERENCE:
        low = high = value
        axis.axhline(0, color='grey', linewidth=1)
        axis.axhline(-100 * max_drop, color='grey', linewidth=1, linestyle=':')
    bars = [[value - low], [high - value]]
    axis.errorbar(milliseconds, value, bars, label=name, capsize=3, **style)
    axis.set_ylabel(f'success against {REFERENCE} (points, 95 % interval)')
    axis.set_title('Success over latency, same episodes', loc='left')


def _is_good(item: Finding, max_drop: float, max_error: float) -> bool:
    if item.variant.name == REFERENCE:
        return True
    if item.difference is not None:
        return item.difference.value >= -max_drop
    return item.error.mae <= max_error


def _measured(item: Finding, slowest: float) -> tuple[str, ...]:
    latency, error = item.latency, item.error
    return (
        item.variant.name,
        f'{latency.p50 * 1e3:.1f} / {latency.p95 * 1e3:.1f} ms',
        f'{slowest / latency.p50:.2f}x',
        f'{item.size / 1e6:.1f} MB',
        f'{error.mae:.4f}',
        f'{error.rms:.4f}',
        f'{error.worst:.4f}',
        f'{error.cosine:.5f}',
        f'{max(map(abs, error.bias)):.4f} rad',
    )


def _played(item: Finding, played: bool) -> tuple[str, ...]:
    if item.success is None or item.difference is None:
        return ('',) * (len(PLAYED) * played)
    if item.variant.name == REFERENCE:
        return (str(item.success), '', '', '')
    difference = item.difference
    return (
        str(item.success),
        str(difference),
        f'{difference.lost} / {difference.gained}',
        f'{difference.p:.2f}',
    )
