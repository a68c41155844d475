# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The report on a policy's denoising: tables, a figure, and whether errors add up."""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.figure import Figure

from vla_ros.evaluation.denoising import STEPS, Report
from vla_ros.view.report import Verdict, paragraph, plot, preformatted, section, write_page


def tables(report: Report) -> str:
    """Return the report as aligned text."""
    steps = range(1, report.steps + 1)
    variants = report.variants.items()
    parts = [
        f'{report.samples} observations, {report.steps} steps; the spread of the actions is '
        f'{report.spread:.3f}, that of answers to one observation {report.own_spread:.1%} of it',
        _table(
            'velocity error, by step',
            list(steps),
            {name: item.velocity for name, item in variants},
            '{:.4f}'.format,
        ),
        _table(
            'error of the chunk, after step',
            list(steps),
            {name: item.noisy for name, item in variants},
            '{:.4f}'.format,
        ),
        _table(
            'final error, in so many steps',
            list(STEPS),
            {name: list(item.by_steps.values()) for name, item in variants}
            | {'fp32, against the most steps': list(report.truncation.values())},
            '{:.2%}'.format,
        ),
        _table('left of a kick, by step', list(steps), {'fp32': report.kick}, '{:.2f}'.format),
        _table(
            'at the end',
            ['error', 'of own spread', 'accumulation', 'as noise in memory'],
            {
                name: (
                    item.final,
                    item.final / max(report.own_spread, 1e-9),
                    item.accumulation,
                    report.equal_damage[name],
                )
                for name, item in variants
            },
            '{:.4f}'.format,
        ),
    ]
    return '\n\n'.join(parts)


def verdict(report: Report) -> str:
    """Return in words whether errors accumulate over the steps."""
    lines = []
    for name, item in report.variants.items():
        first, last = item.by_steps[min(STEPS)], item.by_steps[max(STEPS)]
        adds = item.accumulation > 1
        grows = last > first
        lines.append(
            f'{name}: the errors of the steps {"add up" if adds else "are taken back in part"} '
            f'(factor {item.accumulation:.2f}); more steps make the final error '
            f'{"larger" if grows else "smaller"} ({first:.2%} in {min(STEPS)}, {last:.2%} in '
            f'{max(STEPS)})'
        )
    return '\n'.join(lines)


def write_html(report: Report) -> str:
    """Return the page: whether errors add up, then the figures."""
    first, *others = verdict(report).splitlines()
    return write_page(
        'what precision costs while denoising',
        Verdict(first),
        *map(paragraph, others),
        section('In pictures', plot(draw(report), 'Errors against those of fp32.')),
        section('In figures', preformatted(tables(report))),
    )


def draw(report: Report) -> Figure:
    """Draw errors by step, by number of steps, and what is left of a kick."""
    figure = Figure(figsize=(16, 3.6), layout='constrained')
    axes = figure.subplots(1, 4)
    steps = range(1, report.steps + 1)
    for name, item in report.variants.items():
        axes[0].semilogy(steps, item.velocity, marker='.', label=name)
        axes[1].semilogy(steps, item.noisy, marker='.', label=name)
        counts, finals = list(item.by_steps), list(item.by_steps.values())
        axes[2].loglog(counts, finals, marker='.', label=name)
    fewer = {n: error for n, error in report.truncation.items() if error > 0}
    axes[2].loglog(list(fewer), list(fewer.values()), 'k--', label='fp32, fewer steps')
    axes[3].plot(steps, report.kick, marker='.')
    titles = ('velocity error', 'error of the chunk', 'final error', 'left of a kick')
    for axis, title in zip(axes, titles, strict=True):
        axis.set(title=title, xlabel='step' if axis is not axes[2] else 'number of steps')
        axis.grid(alpha=0.3)
    axes[2].legend(fontsize='small')
    return figure


def _table(
    title: str,
    head: Sequence[object],
    rows: Mapping[str, Sequence[float]],
    form: Callable[[float], str],
) -> str:
    cells = [[title, *map(str, head)]]
    cells += [[name, *map(form, values)] for name, values in rows.items()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return '\n'.join(
        '  '.join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)]
        )
        for line in cells
    )
