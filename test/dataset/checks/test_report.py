# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The report's pictures and texts, on made-up recordings."""

from dataclasses import replace

import numpy as np
from report_page import read_page

from vla_ros.dataset.checks import cameras, plots, report
from vla_ros.dataset.checks.catalogue import run_checks
from vla_ros.dataset.checks.picture_statistics import look_at
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


def test_map_shows_a_workspace_wherever_it_is(recording):
    plan = find_plan('tea_bag')
    away = {number: (x + 0.5, y + 0.7) for number, (x, y) in plan.clusters.items()}
    for clusters in (plan.clusters, away):
        limits = Thresholds(plan=replace(plan, clusters=clusters))
        (axis,) = plots.draw_coverage(recording, limits).axes
        (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
        for patch in axis.patches:
            (x0, y0), (x1, y1) = patch.get_bbox().get_points()
            assert left <= x0 < x1 <= right and bottom <= y0 < y1 <= top


def test_verdict_counts_what_did_not_pass(recording):
    findings = run_checks(recording)
    assert report.write_verdict(findings) == '14 checks, all passed.'
    worse = run_checks(replace(recording, keys=('observation.bag',)))
    assert report.write_verdict(worse) == '14 checks, 1 did not pass.'


def test_a_terminal_ends_with_what_did_not_pass_its_mend_and_the_verdict(recording):
    worse = run_checks(replace(recording, keys=('observation.bag',)))
    lines = report.write_table(worse).splitlines()
    assert all(line.startswith('ok') for line in lines[1 : len(worse)])
    assert lines[-4].startswith('BAD  do not cheat') and lines[-3].startswith(
        '     mend: leave out'
    )
    assert lines[-1] == '14 checks, 1 did not pass.'


def test_the_page_begins_with_what_did_not_pass_and_ends_with_what_did(recording):
    findings = run_checks(replace(recording, keys=('observation.bag',)))
    seen = read_page(report.write_html('set', recording, findings, {}))
    assert seen.verdict == '14 checks, 1 did not pass.' and seen.good is False
    assert seen.headings[0] == 'To be mended' and seen.headings[-1] == 'Passed'
    assert seen.rows[0][0] == 'do not cheat' and 'leave out of the dataset' in seen.rows[1][0]
    assert len(seen.rows) == len(findings) + 1
    fine = read_page(report.write_html('set', recording, run_checks(recording), {}))
    assert fine.good is True and fine.headings == ['Passed'] and not fine.pictures


def test_the_worst_episodes_of_a_check_are_shown_beside_how_they_should_look(recording):
    pairs = np.random.default_rng(0).integers(60, 200, (4, 2, 48, 64, 3), np.uint8)
    look, dark = look_at(pairs), {3: 20.0, 5: 9.0, 7: 15.0, 8: 18.0}
    levels = [dark.get(e.index, look.brightness) for e in recording.episodes]
    episodes = replace(
        recording,
        episodes=[
            replace(e, looks={'top': replace(look, brightness=level)})
            for e, level in zip(recording.episodes, levels, strict=True)
        ],
    )
    limits = Thresholds()
    findings = [*cameras.check_brightness(episodes, limits), *run_checks(recording)]
    assert findings[0].as_json()['episodes'] == [5, 7, 8, 3]
    seen = read_page(report.write_html('set', episodes, findings, {}))
    assert seen.captions == [
        'top, to compare with',
        'top, episode 5: 9 of 255',
        'top, episode 7: 15 of 255',
        'top, episode 8: 18 of 255',
    ]
    assert seen.headings[1] == 'brightness, top: episodes 3, 5, 7-8: 9 of 255'


def test_a_camera_that_moved_is_shown_as_fringes():
    reference, seen = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 200, np.uint8)
    assert report.fringes(reference, seen)[0, 0].tolist() == [0, 200, 200]


def test_axes_of_few_episodes_count_whole_ones(recording):
    few = replace(recording, episodes=recording.episodes[:2])
    (axis,) = plots.draw_lengths(few).axes
    assert all(tick == round(tick) for tick in axis.get_yticks())
    one = plots._figure()[1][0]
    plots._plot(one, {0: 1.5}, 'top', 'black')
    assert all(tick == round(tick) for tick in one.get_xticks())


def test_names_of_a_dataset_cannot_break_the_page(recording):
    findings = run_checks(replace(recording, keys=('observation.<script>',)))
    seen = read_page(report.write_html('<b>', recording, findings, {}))
    assert seen.title == '<b>: checks' and 'observation.<script>' in seen.rows[0][1]
