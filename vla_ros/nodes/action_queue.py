# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Action queue node: chunks and joint states in, joint commands out at a fixed rate.

The only publisher of joint_commands. A thread of its own ticks at absolute deadlines and is the
only one that touches the executor; the callbacks leave what they receive in an inbox. It imports
no ML library, so nothing heavy shares its process.

While it is not enabled, does not know where the joints are, or has played the last episode, it
publishes no command, and the robot's own controller holds.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rclpy.duration import Duration
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.core.config import find_config
from vla_ros.core.errors import VlaError
from vla_ros.core.executor import Executor, ExecutorConfig, Mode
from vla_ros.core.queue import PushResult
from vla_ros.core.robot import load_robot
from vla_ros.msg import ActionChunk, EpisodeEvent, QueueStatus
from vla_ros.nodes import convert, qos
from vla_ros.nodes.lifecycle import REPORT_PERIOD, VlaNode, spin_node
from vla_ros.nodes.params import declare, param

STATUS_PERIOD = 0.1  # s
REASONS = {
    Mode.HOLDING: 'not enabled',
    Mode.RUNNING: '',
    Mode.STARVED: 'the queue ran dry',
    Mode.WAITING: 'waiting for a chunk',
    Mode.ESTOP: 'emergency stop',
}

NO_JOINT_STATE = 'no joint state that makes sense: where the joints are is not known'
NO_EPISODE = 'no episode follows'


@dataclass(frozen=True)
class ActionQueueParams:
    """Parameters of the action_queue node."""

    robot: str = param('so101', "The robot's file in config/robots, or its path.")
    rate: float = param(60.0, 'Commands per second.', 1.0, 1000.0)
    mode: str = param('async', 'async: ask for chunks ahead; sync: when the queue is empty.')
    chunk_size_threshold: float = param(
        0.2, 'Fill of the queue (0 to 1) at which the next chunk is asked for.', 0.0, 1.0
    )
    aggregate_fn_name: str = param('weighted_average', 'How overlapping chunks are blended.')
    request_timeout: float = param(
        5.0, 'Seconds after which an unanswered request is repeated.', 0.01, 600.0
    )
    enabled: bool = param(False, 'Whether commands follow chunks from the start on.')


class ActionQueueNode(VlaNode):
    """Feeds messages to an Executor and publishes what it answers."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot or a name that is not there."""
        super().__init__('action_queue')
        self._params = declare(self, ActionQueueParams)
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._config = ExecutorConfig(
            self._params.mode,
            self._params.chunk_size_threshold,
            self._params.aggregate_fn_name,
            self._params.request_timeout,
        )
        self._period = Duration(seconds=1.0 / self._params.rate).to_msg()
        self._inbox: deque[Callable[[], None]] = deque(maxlen=100)
        self._measured: np.ndarray | None = None  # None: nobody knows where the joints are
        self._episode_began = 0.0  # s; joint states of before belong to another episode
        self._done = False  # until the next reset
        self._status_due = 0.0
        self._said_request: int | None = None
        self._said_starved = 0
        self._late = 0

    def configure(self) -> None:
        """Prepare an empty queue."""
        self._executor = Executor(self._robot, self._config)
        if self._params.enabled:
            self._executor.enable()
        self._commands = self.advertise(JointTrajectory, 'joint_commands', qos.LATEST)
        self._statuses = self.advertise(QueueStatus, 'queue_status', qos.LATEST)
        self._service = self.create_service(SetBool, '~/enable', self._on_enable)

    def activate(self) -> None:
        """Listen, and start the control loop."""
        self._executor.hold()
        self.subscribe(JointState, 'joint_states', self._on_joint_states, qos.SENSOR)
        self.subscribe(ActionChunk, 'action_chunk', self._on_action_chunk, qos.LATEST)
        self.subscribe(EpisodeEvent, 'episode', self._on_episode, qos.EVENTS)
        self._running = True
        self._thread = self.run_thread(self._loop, 'control')

    def deactivate(self) -> None:
        """Stop the control loop; no command follows."""
        self._running = False
        self._thread.join()
        self._inbox.clear()
        self._measured = None

    def cleanup(self) -> None:
        """End the service."""
        self.destroy_service(self._service)

    def diagnostics(self) -> dict[str, str]:
        """Tell the mode and the counters."""
        if not self.active:
            return {}
        counters = vars(self._executor.counters)
        return {
            'mode': self._executor.mode.name,
            'late ticks': str(self._late),
            'budget': str(self._executor.budget() or 'not known yet'),
            **{
                name: f'{value:.3f}' if isinstance(value, float) else str(value)
                for name, value in counters.items()
            },
        }

    def _on_joint_states(self, msg: JointState) -> None:
        if convert.seconds(msg.header.stamp) < self._episode_began:
            return
        try:
            self._measured = convert.joint_positions(msg, self._robot.joint_names)
        except VlaError:
            self._measured = None
            raise

    def _on_action_chunk(self, msg: ActionChunk) -> None:
        self._inbox.append(lambda: self._push(msg))

    def _on_episode(self, msg: EpisodeEvent) -> None:
        self._done = msg.event == EpisodeEvent.DONE
        if msg.event == EpisodeEvent.RESET:
            self._episode_began = began = convert.seconds(msg.header.stamp)
            self._measured = None
            self._inbox.append(lambda: self._executor.reset(began))

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success = self.active
        if not self.active:
            response.message = 'not active: activate the node first'
        else:
            self._inbox.append(self._executor.enable if request.data else self._executor.disable)
        return response

    def _loop(self) -> None:
        """Tick at absolute deadlines; a deadline that was missed by a period is given up."""
        period = 1.0 / self._params.rate
        deadline = time.monotonic()
        while self._running:
            deadline += period
            delay = deadline - time.monotonic()
            if delay > 0:
                time.sleep(delay)
            elif delay < -period:
                self._late += 1
                deadline -= delay
            self._tick()

    def _tick(self) -> None:
        self._empty_inbox()
        now, measured = self.now(), self._measured
        obstacle = NO_EPISODE if self._done else NO_JOINT_STATE if measured is None else ''
        if obstacle or measured is None:
            self._executor.hold()
        else:
            tick = self._executor.tick(now, measured)
            if self._executor.enabled:
                self._commands.publish(self._command(now, tick.positions))
        self._report_starvation()
        request = self._executor.request
        if request != self._said_request or time.monotonic() >= self._status_due:
            self._said_request = request
            self._status_due = time.monotonic() + STATUS_PERIOD
            reason = obstacle or REASONS[self._executor.mode]
            self._statuses.publish(self._status(now, reason))

    def _empty_inbox(self) -> None:
        while self._inbox:
            try:
                self._inbox.popleft()()
            except VlaError as error:
                self.report('chunk', str(error))

    def _push(self, msg: ActionChunk) -> None:
        try:
            chunk = convert.chunk_from_msg(msg, self._robot.joint_names)
        except VlaError:
            self._executor.reject(msg.sequence)
            raise
        result = self._executor.push(chunk, self.now())
        text = f'chunk {chunk.sequence} {result.value}'
        if result is PushResult.STALE:  # no fault: as a rule it was asked for before a reset
            self.get_logger().info(text, throttle_duration_sec=REPORT_PERIOD)
        elif result is not PushResult.ACCEPTED:
            self.report('chunk', text)

    def _report_starvation(self) -> None:
        starved = self._executor.counters.starved
        if starved > self._said_starved:
            budget = self._executor.budget()
            self.report('queue', f'the queue ran dry: {budget}' if budget else 'the queue ran dry')
        self._said_starved = starved

    def _command(self, now: float, positions: np.ndarray) -> JointTrajectory:
        point = JointTrajectoryPoint(positions=positions.tolist(), time_from_start=self._period)
        msg = JointTrajectory(joint_names=self._robot.joint_names, points=[point])
        msg.header.stamp = convert.stamp(now)
        return msg

    def _status(self, now: float, reason: str) -> QueueStatus:
        executor, counters = self._executor, self._executor.counters
        msg = QueueStatus(
            mode=int(executor.mode),
            reason=reason,
            request=executor.request is not None,
            request_id=executor.last_request,
            remaining=executor.queue.remaining(now),
            fill=executor.queue.fill(now),
            starved=counters.starved,
            limited=counters.limited,
            rejected=counters.rejected,
            accepted=counters.accepted,
            latency=counters.latency,
            margin=counters.margin,
            idle=counters.idle,
        )
        msg.header.stamp = convert.stamp(now)
        return msg


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(ActionQueueNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
