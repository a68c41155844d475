# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A reader of a report: what every page has to be, and what stands on it."""

import re
from html.parser import HTMLParser
from typing import NamedTuple

FILES = re.compile(r'[\w.-]+\.webm')  # that may lie beside a page
VOID = {'img', 'meta', 'br', 'hr', 'input', 'link'}


class Read(NamedTuple):
    """What a reader finds on a page, in its order."""

    title: str
    verdict: str
    good: bool | None
    headings: list[str]
    rows: list[list[str]]  # of all tables, without their heads
    captions: list[str]
    videos: list[str]
    pictures: int
    plots: int


class _Reader(HTMLParser):
    """Notes the text of each element that is asked for, and that every element is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.found, self.counts = [], [], {}

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        assert tag != 'script' and not any(name.startswith('on') for name in given)
        for name in ('src', 'href', 'xlink:href'):
            link = given.get(name, '#')
            assert link.startswith(('data:', '#')) or FILES.fullmatch(link), link
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append((tag, given, []))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, data):
        for _, _, texts in self.open:
            texts.append(data)

    def handle_endtag(self, tag):
        name, given, texts = self.open.pop()
        assert name == tag, f'{name} is closed by {tag}'
        self.found.append((tag, given, ' '.join(''.join(texts).split())))


def read_page(text):
    """Return what stands on a page; fail where it is not what every report has to be."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [] and 'http' not in text and '@import' not in text
    assert 'prefers-color-scheme:dark' in text and '@media print' in text
    first = [item for item in reader.found if item[0] in ('h1', 'p', 'h2', 'td')][:2]
    assert [item[0] for item in first] == ['h1', 'p'] and 'verdict' in first[1][1]['class']
    kinds = first[1][1]['class'].split()
    found = {
        tag: [text for name, _, text in reader.found if name == tag]
        for tag in ('h2', 'figcaption', 'td')
    }
    rows, cells = [], []
    for tag, _, content in reader.found:
        if tag == 'td':
            cells.append(content)
        elif tag == 'tr':
            rows += [cells] if cells else []
            cells = []
    return Read(
        title=first[0][2],
        verdict=first[1][2],
        good=True if 'good' in kinds else False if 'bad' in kinds else None,
        headings=found['h2'],
        rows=rows,
        captions=found['figcaption'],
        videos=[given['src'] for tag, given, _ in reader.found if tag == 'video'],
        pictures=reader.counts.get('img', 0),
        plots=reader.counts.get('svg', 0),
    )
