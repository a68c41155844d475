# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The report's pictures and texts, on made-up recordings."""

from dataclasses import replace

from vla_ros.dataset.checks import plots, report
from vla_ros.dataset.checks.catalogue import run_checks
from vla_ros.dataset.checks.thresholds import Thresholds
from vla_ros.dataset.plan import find_plan


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_map_shows_starts_recoveries_what_is_missing_and_what_is_held_out(recording):
    some = replace(recording, episodes=[e for e in recording.episodes if e.facts.cluster != 9])
    shown = texts(plots.draw_coverage(some, Thresholds()))
    assert len(shown) == len(find_plan('tea_bag').clusters)
    assert {'1\n10 + 2', '9\nmissing', '6\nheld out'} <= set(shown)
    asked = replace(Thresholds(), clusters=(1, 2))
    assert '9\nnot planned' in texts(plots.draw_coverage(some, asked))


def test_verdict_counts_what_did_not_pass(recording):
    findings = run_checks(recording)
    assert report.write_verdict(findings) == '14 checks, all passed.'
    worse = run_checks(replace(recording, keys=('observation.bag',)))
    assert report.write_verdict(worse) == '14 checks, 1 did not pass.'
    assert 'do not cheat, observation.bag: leave out' in report.write_table(worse)


def test_the_page_begins_with_what_did_not_pass(recording):
    findings = run_checks(replace(recording, keys=('observation.bag',)))
    page = report.write_html('set', recording, findings, {})
    rows = page.split('<tr')[2:]
    assert 'do not cheat' in rows[0] and 'leave out of the dataset' in rows[1]
    assert len(rows) == len(findings) + 1
    assert not any('class="bad"' in row for row in rows[1:])


def test_axes_of_few_episodes_count_whole_ones(recording):
    few = replace(recording, episodes=recording.episodes[:2])
    (axis,) = plots.draw_lengths(few).axes
    assert all(tick == round(tick) for tick in axis.get_yticks())
    one = plots._figure()[1][0]
    plots._plot(one, {0: 1.5}, 'top', 'black')
    assert all(tick == round(tick) for tick in one.get_xticks())


def test_names_of_a_dataset_cannot_break_the_page(recording):
    findings = run_checks(replace(recording, keys=('observation.<script>',)))
    page = report.write_html('<b>', recording, findings, {})
    assert '<script>' not in page and '<b>' not in page and '&lt;script&gt;' in page
