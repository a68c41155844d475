# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every report is one page: verdict first, nothing from elsewhere, text as it stands."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from report_page import read_page

from vla_ros.core.errors import VlaError
from vla_ros.view.report import (
    Verdict,
    paragraph,
    picture,
    plot,
    preformatted,
    section,
    side_by_side,
    table,
    video,
    write_page,
)

NASTY = '<script>alert("1")</script> & \'"'


def line(text='x'):
    figure = Figure()
    axis = figure.subplots()
    axis.plot([0, 1], [1, 2], color='#00798c')
    axis.set_xlabel(text)
    return figure


@pytest.mark.parametrize(('good', 'told'), [(True, True), (False, False), (None, None)])
def test_the_verdict_is_the_first_that_is_read_and_says_whether_it_is_good(good, told):
    seen = read_page(write_page('my set', Verdict('3 of 4', good), paragraph('more')))
    assert (seen.title, seen.verdict, seen.good) == ('my set', '3 of 4', told)


def test_text_shows_as_it_stands_wherever_it_is_given():
    pixels = np.zeros((8, 8, 3), np.uint8)
    parts = (
        paragraph(NASTY),
        preformatted(NASTY),
        table([NASTY], [[NASTY]], under=[NASTY]),
        plot(line(NASTY), NASTY),
        picture(pixels, NASTY),
        video('a.webm', NASTY),
    )
    seen = read_page(write_page(NASTY, Verdict(NASTY), section(NASTY, *parts)))
    assert {seen.title, seen.verdict, *seen.headings, *seen.captions} == {NASTY}
    assert seen.rows == [[NASTY], [NASTY]]


def test_what_is_empty_leaves_no_trace():
    assert section('Nothing', table(['a'], []), side_by_side([]), paragraph('')) == ''
    assert preformatted('') == ''


def test_columns_of_numbers_stand_to_the_right_and_rows_have_their_marks():
    text = table(['name', 'value'], [['a', '1.5 ms'], ['b', '-']], ['', 'chosen'])
    assert text.count('class="number"') == 3 and text.count('<tr class="chosen">') == 1


def test_a_plot_takes_the_ink_of_the_page_and_keeps_the_colours_of_its_lines():
    text = plot(line(), 'a line')
    assert 'currentColor' in text and '#000000' not in text and '#00798c' in text
    assert 'aria-label="a line"' in text and '>x</text>' in text


def test_the_same_plot_gives_the_same_page_and_two_plots_do_not_mix():
    assert plot(line(), 'one') == plot(line(), 'one')
    clips = [set(re.findall('clipPath id="(.*?)"', plot(line(), name))) for name in 'ab']
    assert clips[0] and not clips[0] & clips[1]


def test_a_large_picture_is_made_smaller():
    noise = np.random.default_rng(0).integers(0, 255, (960, 1280, 3), np.uint8)
    small = np.random.default_rng(0).integers(0, 255, (360, 480, 3), np.uint8)
    assert len(picture(noise, 'x')) < 2 * len(picture(small, 'x'))
    with pytest.raises(VlaError, match='expected some'):
        picture(np.zeros((0, 4, 3), np.uint8), 'x')
