# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The page that every report is: the verdict first, then figures, examples as pictures, and plots.

One file that needs no script, no network and nothing beside it but videos; light or dark as the
reader's machine is, and fit to be printed. Whatever text it is given shows as it stands.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from io import StringIO
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vla_ros.view.pictures import encode_jpeg

if TYPE_CHECKING:  # a page without plots does without matplotlib
    from matplotlib.figure import Figure

LARGEST_WIDTH = 480  # pixels of a picture
_NUMBER = re.compile(r'[-+−<>≤≥]?\s?\d.*|[-–—]?')
_FOREIGN = re.compile(r'<metadata>.*?</metadata>| xmlns(?::xlink)?="[^"]*"', re.DOTALL)
_INK = re.compile(r'(stroke|fill): #(?:000000|262626|222222)')
_STYLE = """
:root{color-scheme:light dark;--ink:#17202a;--paper:#fff;--quiet:#566573;--line:#d5dbe1;
--shade:#f4f6f8;--good:#1a7f42;--bad:#c8102e;--blue:#1769d2;--warn:#b25e00}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf2;--paper:#12181f;--quiet:#9fb0c0;
--line:#33404d;--shade:#1b232c;--good:#4cc47a;--bad:#ff5468;--blue:#5aa9ff;--warn:#f0a33c}}
body{font:16px/1.45 system-ui,"DejaVu Sans",sans-serif;color:var(--ink);background:var(--paper);
max-width:64rem;margin:1.5rem auto;padding:0 1rem}
h1{font-size:1.05rem;font-weight:400;color:var(--quiet);margin:0}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
.verdict{font-size:1.7rem;line-height:1.25;font-weight:600;margin:.1rem 0 .6rem}
.verdict.good{color:var(--good)}.verdict.bad{color:var(--bad)}.quiet,figcaption{color:var(--quiet)}
.scroll{overflow-x:auto}table{border-collapse:collapse;min-width:50%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem 1rem .3rem 0;
border-bottom:1px solid var(--line)}
th{color:var(--quiet);font-weight:400}.number{text-align:right;font-variant-numeric:tabular-nums}
tr.chosen td{font-weight:600;background:var(--shade)}tr.bad td:first-child{color:var(--bad)}
tr.good td:first-child{color:var(--good)}td.under{border-bottom-style:dotted;padding-left:1.5rem}
figure{margin:1rem 0}.side{display:grid;gap:1rem;
grid-template-columns:repeat(auto-fill,minmax(15rem,1fr))}.side figure{margin:0}
.side img{width:100%;image-rendering:pixelated}figure svg{overflow:visible}
img,video,figure svg{max-width:100%;height:auto}img,video{background:var(--shade)}
.plot svg text{fill:currentColor;font-family:inherit}
pre{overflow-x:auto;background:var(--shade);padding:.8rem;font-size:.85rem}
@media print{body{max-width:none;margin:0}video{display:none}
figure,tr{break-inside:avoid}h2{break-after:avoid}}
"""


class Verdict(NamedTuple):
    """What came of it, in one sentence, and whether that is good; None: neither."""

    text: str
    good: bool | None = None


def write_page(title: str, verdict: Verdict, *parts: str) -> str:
    """Return the whole page; ``parts`` are what the other functions of this module return."""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}: {escape(verdict.text)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p class="verdict {_word(verdict.good)}">{escape(verdict.text)}</p>
{''.join(parts)}
</body></html>
"""


def section(heading: str, *parts: str) -> str:
    """Return parts under a heading; nothing where all of them are empty."""
    content = ''.join(parts)
    return f'\n<h2>{escape(heading)}</h2>{content}' if content else ''


def paragraph(text: str, quiet: bool = False) -> str:
    """Return a paragraph, nothing for no text."""
    return f'<p class="{"quiet" if quiet else "plain"}">{escape(text)}</p>' if text else ''


def preformatted(text: str) -> str:
    """Return text whose columns stand below each other."""
    return f'<pre>{escape(text)}</pre>' if text else ''


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    marks: Sequence[str] = (),
    under: Sequence[str] = (),
) -> str:
    """
    Return a table, nothing for no rows; columns of numbers stand to the right.

    ``marks`` says of each row whether it is 'good', 'bad', 'chosen' or ''; ``under`` is a line
    below a row, '' for none.
    """
    if not rows:
        return ''
    numbers = [
        all(_NUMBER.fullmatch(cell) for cell in column) for column in zip(*rows, strict=True)
    ]
    lines = [_row('th', head, numbers)]
    for row, mark, below in zip_longest(rows, marks, under, fillvalue=''):
        lines.append(_row('td', row, numbers, mark))
        if below:
            cell = f'<td class="under" colspan="{len(head)}">{escape(below)}</td>'
            lines.append(f'<tr class="under">{cell}</tr>')
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def plot(figure: 'Figure', caption: str) -> str:
    """Return a figure of matplotlib as lines that take the colours of the page."""
    import matplotlib

    buffer = StringIO()
    with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': caption}):
        figure.savefig(buffer, format='svg', transparent=True, metadata={'Date': None})
    drawing = _INK.sub(r'\1: currentColor', _FOREIGN.sub('', buffer.getvalue()))
    label = f'<svg role="img" aria-label="{escape(caption)}"'
    return vector(label + drawing[drawing.index('<svg') + 4 :], caption)


def picture(pixels: np.ndarray, caption: str) -> str:
    """Return an RGB picture, (H, W, 3) uint8; raise VlaError for one without pixels."""
    data = base64.b64encode(encode_jpeg(pixels, LARGEST_WIDTH)).decode()
    image = f'<img alt="{escape(caption)}" src="data:image/jpeg;base64,{data}">'
    return _figure(image, caption)


def vector(drawing: str, caption: str) -> str:
    """Return SVG that was written for this page; its colours may be the page's own."""
    return _figure(drawing, caption, 'plot')


def video(file: str, caption: str) -> str:
    """Return a video that lies beside the page under the name ``file``."""
    return _figure(
        f'<video src="{escape(file)}" controls muted loop preload="metadata"></video>', caption
    )


def side_by_side(parts: Iterable[str]) -> str:
    """Return pictures or videos in as many columns as there is room for."""
    content = ''.join(parts)
    return f'<div class="side">{content}</div>' if content else ''


def _figure(content: str, caption: str, kind: str = 'picture') -> str:
    return f'<figure class="{kind}">{content}<figcaption>{escape(caption)}</figcaption></figure>\n'


def _row(tag: str, cells: Sequence[str], numbers: Sequence[bool], mark: str = '') -> str:
    content = ''.join(
        f'<{tag} class="{"number" if is_number else "word"}">{escape(cell)}</{tag}>'
        for cell, is_number in zip(cells, numbers, strict=True)
    )
    return f'<tr class="{mark or "row"}">{content}</tr>\n'


def _word(good: bool | None) -> str:
    return '' if good is None else 'good' if good else 'bad'
