# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The status of the action queue as a message, and what is queued, for those who watch."""

from rclpy.publisher import Publisher

from vla_ros.core.executor import Executor
from vla_ros.core.queue import ActionQueue
from vla_ros.core.status import Mode
from vla_ros.msg import QueueStatus
from vla_ros.ros import messages

LOOK_BACK = 0.5  # s; the observation that answers a request may be that much older than it
COMING_TO_REST = 'the arm comes to rest'
REASONS = {
    Mode.HOLDING: 'not enabled',
    Mode.RUNNING: '',
    Mode.STARVED: 'the queue ran dry',
    Mode.WAITING: 'waiting for a chunk',
    Mode.ESTOP: 'emergency stop: release it with ~/rearm, then ~/enable',
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


def reason(executor: Executor, obstacle: str) -> str:
    """Return why the executor does what it does; '' while it plays chunks."""
    if executor.mode is Mode.ESTOP:
        return REASONS[Mode.ESTOP]
    if executor.mode is Mode.RUNNING:
        return ''
    if executor.mode is Mode.HOLDING and executor.enabled:
        return obstacle or COMING_TO_REST
    return obstacle or executor.note or REASONS[executor.mode]
