# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The status of the action queue as a message, and what is queued, for those who watch."""

import re

from rclpy.publisher import Publisher

from vla_ros.core.budget import Budget
from vla_ros.core.executor import Executor
from vla_ros.core.queue import ActionQueue
from vla_ros.core.status import Mode
from vla_ros.msg import QueueStatus
from vla_ros.ros import messages

PATIENCE = 3.0  # s that an arm may stand before anybody is told
REPEAT = 30.0  # s until it is told again
LOOK_BACK = 0.5  # s; the observation that answers a request may be that much older than it
COMING_TO_REST = 'the arm comes to rest'
REASONS = {
    Mode.HOLDING: 'not enabled',
    Mode.RUNNING: '',
    Mode.STARVED: 'the queue ran dry',
    Mode.WAITING: 'waiting for a chunk',
    Mode.ESTOP: 'emergency stop: release it with ~/rearm, then ~/enable (vla_ros rearm, enable)',
}


def status_msg(executor: Executor, now: float, obstacle: str, with_queued: bool) -> QueueStatus:
    """
    Return how the queue stands at ``now`` (s).

    ``obstacle`` is what keeps the arm from moving, '' if nothing does. ``with_queued`` adds what
    is queued to a request, for a policy that continues it.
    """
    counters, queue = executor.counters, executor.queue
    msg = QueueStatus(
        mode=int(executor.mode),
        reason=reason(executor, obstacle),
        request=executor.request is not None,
        request_id=executor.last_request,
        remaining=queue.remaining(now),
        fill=queue.fill(now),
        starved=counters.starved,
        limited=counters.limited,
        rejected=counters.rejected,
        accepted=counters.accepted,
        latency=counters.latency,
        margin=counters.margin,
        idle=counters.idle,
        forecast=executor.forecast(now),
        threshold=executor.threshold,
        inference_delay=executor.inference_delay,
    )
    msg.header.stamp = messages.stamp(now)
    queued = queue.rest(now, LOOK_BACK) if with_queued and msg.request else None
    if queued is not None:
        msg.queued = [messages.chunk_to_msg(queued)]
    return msg


def tell_timeline(publisher: Publisher, queue: ActionQueue, now: float) -> None:
    """Publish all that is queued at ``now`` (s), when a chunk was taken, if somebody watches."""
    queued = queue.rest(now) if publisher.get_subscription_count() else None
    if queued is not None:
        msg = messages.chunk_to_msg(queued)
        msg.header.stamp = messages.stamp(now)
        publisher.publish(msg)


def describe_dry(budget: Budget | None, left: float = 0.0) -> str:
    """
    Return why a queue ran dry, or will in ``left`` seconds, though chunks take what they take.

    A budget that was kept to has another reason than a bad one.
    """
    dry = f'the queue will run dry in {left:.2f} s' if left > 0 else 'the queue ran dry'
    if budget is None:
        return dry
    if budget.margin < 0:
        return f'{dry}: {budget}'
    return (
        f'{dry}: the next chunk takes longer than usual ({budget.latency:.3f} s, p95); '
        'look at the load of the computer and the log of the nodes of the policy'
    )


class Standstill:
    """Says why an arm does not move, where that lasts, and that it moves again."""

    def __init__(self) -> None:
        """Begin with an arm of which nothing is known."""
        self._kind = ''
        self._due = 0.0  # s
        self._said = False

    def note(self, now: float, reason: str) -> str:
        """
        Return what is to be said at ``now`` (s) of an arm that stands for ``reason``, else ''.

        It is '' for an arm that moves. Numbers in it, which count on, make no other reason.
        """
        kind = re.sub(r'[0-9.]+', '', reason)
        if kind != self._kind:
            moves_again = not kind and self._said
            self._kind, self._due = kind, now + PATIENCE
            self._said = self._said and bool(kind)
            return 'the arm moves again' if moves_again else ''
        if not kind or now < self._due:
            return ''
        self._due, self._said = now + REPEAT, True
        return f'the arm stands: {reason}'


def reason(executor: Executor, obstacle: str) -> str:
    """Return why the executor does what it does; '' while it plays chunks."""
    if executor.mode is Mode.ESTOP:
        return REASONS[Mode.ESTOP]
    if executor.mode is Mode.RUNNING:
        return ''
    if executor.mode is Mode.HOLDING and executor.enabled:
        return obstacle or COMING_TO_REST
    return obstacle or executor.note or REASONS[executor.mode]
