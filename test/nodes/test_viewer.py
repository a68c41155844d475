# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings in the live page: whoever has the token says from where, and a browser obeys."""

import subprocess
import sys

import pytest

pytest.importorskip('rosbags')

from browser import CHROMIUM, open_page
from replays import make_messages, write_bag
from web_page import Page

from vla_ros.core.errors import ConfigError
from vla_ros.nodes.viewer import ViewerNode
from vla_ros.tools import view
from vla_ros.tools.main import main


@pytest.fixture
def start_viewer(start_graph, tmp_path):
    """Return the function that starts a viewer of a bag of 2 s, and returns its page."""

    def start():
        token = tmp_path / 'token'
        token.write_text('secret')
        token.chmod(0o600)
        bag = write_bag(tmp_path / 'a bag', make_messages(frames=60))
        graph = start_graph(f'viewer:bag:={bag}', 'viewer:port:=0', f'viewer:token_file:={token}')
        node = graph.start(ViewerNode())
        return Page(graph, node, 'secret')

    return start


def test_the_page_is_told_how_the_playback_stands_and_what_is_not_there(start_viewer, capfd):
    page = start_viewer()
    state = page.see('playback')
    assert state['name'] == 'a bag' and state['duration'] == pytest.approx(2.0, abs=0.1)
    assert 'the planned path' in state['missing'].values()
    assert page.see('picture')['data'][1:3] == b'\xff\xd8'
    assert 'a bag: got no queue_status, action_chunk' in capfd.readouterr().err


def test_only_who_has_the_token_may_move_it(start_viewer):
    page = start_viewer()
    assert page.command('pause', token='wrong')[0] == 401
    assert page.command('pause')[0] == 200
    assert page.command('seek', '1.5')[0] == 200
    assert page.see('playback', lambda item: item['position'] == 1.5)['playing'] is False
    status, answer = page.command('estop')
    assert status == 409 and 'expected one of play, pause' in answer['message']


@pytest.mark.skipif(not CHROMIUM, reason='no Chromium; .ci/bootstrap test installs it')
def test_a_browser_plays_pauses_and_seeks_and_offers_no_command_of_an_arm(start_viewer, tmp_path):
    page = start_viewer()

    async def visit(session):
        async with open_page(f'{page.url}/#token=secret', tmp_path) as tab:
            await tab.until("!document.getElementById('playback').hidden")
            assert await tab.evaluate(
                "getComputedStyle(document.getElementById('buttons')).display === 'none'"
            )
            await tab.until("document.getElementById('play').textContent === 'Play'")  # its end
            await tab.press(' ', 'Space')
            await tab.until("document.getElementById('play').textContent === 'Pause'")
            await tab.press(' ', 'Space')
            await tab.until("document.getElementById('play').textContent === 'Play'")
            await tab.evaluate(
                "(() => { const slider = document.getElementById('seek'); slider.value = 1;"
                "slider.dispatchEvent(new Event('change')); })()"
            )
            await tab.until("document.getElementById('position').textContent.startsWith('0:01.0')")
            await tab.until("[...document.querySelectorAll('#cameras img')].every((i) => i.src)")
            assert tab.errors == []
            return await tab.text('lacking')

    lacking = page.visit(visit)
    assert lacking.startswith('Not in this recording: what the arm did, and why (queue_status)')


def test_a_bag_that_is_not_there_stops_the_start(start_graph, tmp_path, capsys):
    start_graph('viewer:bag:=/nowhere')
    with pytest.raises(ConfigError, match='/nowhere: not there'):
        ViewerNode()
    assert main(['view', str(tmp_path / 'none')]) == 2
    assert 'not there' in capsys.readouterr().err


def test_the_command_hands_its_options_to_the_node_whatever_is_in_them(tmp_path, monkeypatch):
    bag, given = write_bag(tmp_path / 'a bag', make_messages(frames=2)), []
    monkeypatch.setattr('vla_ros.nodes.viewer.main', lambda words: given.append(words) or 0)
    assert main(['view', str(bag), '--port', '0', '--no-browser']) == 0
    assert view.__doc__ and f'bag:="{bag}"' in given[0] and 'open_browser:=false' in given[0]


@pytest.mark.parametrize('name', ['bägs 😀', '"a": \\b', '\x7f', 'x' * 200])
def test_a_bag_may_have_any_name(name, tmp_path):
    write_bag(tmp_path / name, make_messages(frames=3))
    command = [sys.executable, '-m', 'vla_ros.tools.main', 'view', str(tmp_path / name)]
    run = subprocess.run([*command, '--robot', 'nobody'], capture_output=True, text=True)
    assert run.returncode == 2 and "robots: got 'nobody', expected one of" in run.stderr
