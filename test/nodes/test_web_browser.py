# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A real browser shows the page and stops a real action queue."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from arm import Arm
from browser import CHROMIUM, open_page
from web_page import Page

from vla_ros.core.status import Mode, Tick
from vla_ros.msg import QueueStatus
from vla_ros.nodes.action_queue import ActionQueueNode
from vla_ros.nodes.web import WebNode

pytestmark = pytest.mark.skipif(not CHROMIUM, reason='no Chromium; .ci/bootstrap test installs it')
MOVING = "document.getElementById('headline').textContent === 'Moving'"


class Step(NamedTuple):
    """One step of the control loop: how it ended, and whether the stop was there as it began."""

    asked: bool
    mode: Mode
    tick: Tick | None  # what was commanded; None: nothing
    elapsed: float  # s, since the step before


class WatchedQueue(ActionQueueNode):
    """A real action queue that notes each step of its control loop from the first chunk on."""

    def __init__(self):
        super().__init__()
        self.steps = []
        self._sent = None

    def _tick(self, now, elapsed):
        asked, self._sent = bool(self._estop.why), None
        super()._tick(now, elapsed)
        if self._executor.counters.accepted:
            self.steps.append(Step(asked, self._executor.mode, self._sent, elapsed))

    def _send(self, tick, measured, now):
        self._sent = tick
        super()._send(tick, measured, now)


class Desk:
    """A running arm, the page of it, and whoever sits before the browser."""

    def __init__(self, graph, folder):
        self.arm = Arm(graph, node_type=WatchedQueue)
        self._folder = folder
        node = graph.start(WebNode())
        self._page = Page(graph, node, 'secret')
        self._answered = 0
        graph.peer.create_timer(0.05, self._plan)
        self.arm.begin()

    def _plan(self):
        """Answer every request, as a policy does."""
        status = self.arm.status if self.arm.statuses else None
        if status and status.request and status.request_id > self._answered:
            self._answered = status.request_id
            self.arm.play(0.5 * np.sin(np.linspace(0, 50.0, 200)), step=0.05)

    def sit(self, scene, token='secret', drawing=False):
        """Open the page and run the coroutine ``scene(tab)`` in it."""

        async def visit(session):
            url = f'{self._page.url}/' + (f'#token={token}' if token else '')
            async with open_page(url, self._folder, drawing) as tab:
                await tab.until(MOVING)
                result = await scene(tab)
                assert tab.errors == []
                return result

        return self._page.visit(visit)


@pytest.fixture
def desk(start_graph, tmp_path):
    token = tmp_path / 'token'
    token.write_text('secret')
    token.chmod(0o600)
    patience = ('action_queue:budget_chunks:=0', 'action_queue:joint_state_timeout:=5.0')
    graph = start_graph(
        'action_queue:enabled:=true', *patience, 'web:port:=0', f'web:token_file:={token}'
    )
    return Desk(graph, tmp_path)


async def stopped(tab):
    await tab.until("document.getElementById('headline').textContent === 'Emergency stop'")


def space(tab):
    return tab.press(' ', 'Space')


def escape(tab):
    return tab.press('Escape', 'Escape')


def button(tab):
    return tab.click('#estop')


@pytest.mark.parametrize('ask', [space, escape, button])
def test_the_first_step_of_control_after_a_stop_has_arrived_brakes_the_arm(desk, ask):
    async def scene(tab):
        await ask(tab)
        await stopped(tab)

    desk.sit(scene)
    steps, robot = desk.arm.node.steps, desk.arm.node._robot
    desk.arm.graph.until(lambda: steps[-1].tick is None)  # it stands
    first = next(number for number, step in enumerate(steps) if step.asked)
    assert steps[first - 2].mode is Mode.RUNNING  # it moved until the stop came
    assert {step.mode for step in steps[first:]} == {Mode.ESTOP}
    last = max(number for number, step in enumerate(steps) if step.tick)
    ticks = [step.tick for step in steps[first - 2 : last + 1]]
    speeds = [np.abs(b.positions - a.positions) / b.elapsed for a, b in pairwise(ticks)]
    assert all((after <= before + 1e-6).all() for before, after in pairwise(speeds))
    # so slow at last that, one step later, it stands where the last command was
    assert speeds[0].any() and (speeds[-1] <= robot.acceleration * steps[last + 1].elapsed).all()


def test_the_button_stops_the_arm_and_rearm_and_enable_release_it(desk):
    async def scene(tab):
        await tab.click('#estop')
        await stopped(tab)
        assert await tab.evaluate("document.querySelector('[data-command=enable]').disabled")
        await tab.click('[data-command=rearm]')
        await tab.until("document.getElementById('headline').textContent === 'Holding'")
        await tab.click('[data-command=enable]')
        await tab.until(MOVING)

    desk.sit(scene)
    assert QueueStatus.ESTOP in {status.mode for status in desk.arm.statuses}


def test_space_stops_the_arm_even_while_the_enable_button_has_the_focus(desk):
    async def scene(tab):
        await tab.evaluate("document.querySelector('[data-command=enable]').focus()")
        await tab.press(' ', 'Space')
        await stopped(tab)

    desk.sit(scene)
    assert desk.arm.status.mode == QueueStatus.ESTOP


def test_a_page_with_a_wrong_token_stops_nothing_and_says_so_loudly(desk):
    async def scene(tab):
        await tab.press(' ', 'Space')
        await tab.until("document.getElementById('answer').className === 'bad'")
        return await tab.text('answer')

    assert 'E-STOP IS NOT CONFIRMED' in desk.sit(scene, token='wrong')
    assert QueueStatus.ESTOP not in {status.mode for status in desk.arm.statuses}


def test_a_page_without_a_token_watches_only(desk):
    async def scene(tab):
        buttons = "[...document.querySelectorAll('button')]"
        assert await tab.evaluate(f'{buttons}.every((button) => button.disabled)')
        return await tab.text('rights')

    assert 'Watching only' in desk.sit(scene, token='')


def test_the_page_draws_the_arm_the_queue_and_every_joint(desk):
    async def scene(tab):
        await tab.until("document.querySelectorAll('.joint').length === 6")
        await tab.until("document.getElementById('fill').textContent.includes('of 200 actions')")
        await tab.until("document.querySelectorAll('#node-rows tr').length >= 2")
        return await tab.until(
            "(() => { const c = document.getElementById('arm'), gl = c.getContext('webgl');"
            'const p = new Uint8Array(4 * c.width * c.height);'
            'gl.readPixels(0, 0, c.width, c.height, gl.RGBA, gl.UNSIGNED_BYTE, p);'
            'let yellow = 0; for (let i = 0; i < p.length; i += 4)'
            'yellow += p[i] > 120 && p[i + 1] > 90 && p[i + 2] < 80; return yellow; })()'
        )

    assert desk.sit(scene, drawing=True) > 500  # pixels of the arm's colour
