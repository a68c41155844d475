# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The report's pictures and texts, on made-up recordings."""

from dataclasses import replace

from vla_ros.dataset.checks import figures, report
from vla_ros.dataset.checks.catalogue import run_checks
from vla_ros.dataset.checks.thresholds import Thresholds
from vla_ros.dataset.workspace import CENTRES


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_map_shows_starts_recoveries_what_is_missing_and_what_is_held_out(recording):
    some = replace(recording, episodes=[e for e in recording.episodes if e.facts.cluster != 9])
    shown = texts(figures.draw_coverage(some, Thresholds()))
    assert len(shown) == len(CENTRES)
    assert {'1\n10 + 2', '9\nmissing', '6\nheld out'} <= set(shown)


def test_verdict_counts_what_did_not_pass(recording):
    findings = run_checks(recording)
    assert report.write_verdict(findings) == '13 checks, all passed.'
    worse = run_checks(replace(recording, keys=('observation.bag',)))
    assert report.write_verdict(worse) == '13 checks, 1 did not pass.'
    assert 'do not cheat, observation.bag: leave out' in report.write_table(worse)


def test_names_of_a_dataset_cannot_break_the_page(recording):
    findings = run_checks(replace(recording, keys=('observation.<script>',)))
    page = report.write_html('<b>', recording, findings, {})
    assert '<script>' not in page and '<b>' not in page and '&lt;script&gt;' in page
