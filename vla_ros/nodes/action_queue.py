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

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rclpy.duration import Duration
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.config import find_config
from vla_ros.core.errors import VlaError
from vla_ros.core.executor import Executor
from vla_ros.core.queue import PushResult
from vla_ros.core.robot import load_robot
from vla_ros.core.settings import ExecutorConfig
from vla_ros.core.status import Mode
from vla_ros.msg import ActionChunk, EpisodeEvent, QueueStatus
from vla_ros.ros import messages, qos
from vla_ros.ros.diagnostics import REPORT_PERIOD
from vla_ros.ros.lifecycle import VlaNode, spin_node
from vla_ros.ros.params import declare, param
from vla_ros.ros.queue_status import command_msg, status_msg
from vla_ros.ros.watchdog import LEASE, Watchdog, parse_names
from vla_ros.runtime.pacing import Pacer
from vla_ros.runtime.time_slices import CONTROL, LONGEST, SHORTEST, set_time_slice, time_slice

STATUS_PERIOD = 0.1  # s
BRAKING_TIME = 1.0  # s, at most, until a deactivated arm stands
SWITCH_INTERVAL = 2e-4  # s that a tick waits for the callbacks beside it; Python's own is 5 ms
NO_JOINT_STATE = 'no joint state that makes sense: where the joints are is not known'
NO_EPISODE = 'no episode follows'
NOT_ACTIVE = 'not active: activate the node first'


@dataclass(frozen=True)
class ActionQueueParams:
    """Parameters of the action_queue node; those of ExecutorConfig have its names."""

    robot: str = param('so101', "The robot's file in config/robots, or its path.")
    rate: float = param(60.0, 'Commands per second.', 1.0, 1000.0)
    mode: str = param('async', 'async: ask for chunks ahead; sync: when the queue is empty.')
    chunk_size_threshold: float = param(
        0.2, 'Fill of the queue (0 to 1) at which the next chunk is asked for.', 0.0, 1.0
    )
    aggregate_fn_name: str = param(
        'weighted_average',
        'How overlapping chunks are blended: latest_only, average, weighted_average, '
        'conservative, linear_ramp or temporal_ensemble.',
    )
    temporal_ensemble_coeff: float = param(
        0.01, 'Of temporal_ensemble: above 0, older chunks weigh more.', -100.0, 100.0
    )
    request_timeout: float = param(
        5.0,
        'Seconds after which an unanswered request is repeated; at most, for it is repeated after '
        'four times the usual latency (p95), but no sooner than after 1 s.',
        0.01,
        600.0,
    )
    jump_time: float = param(
        0.5,
        'A chunk is refused whose first row a joint could not reach in so many seconds.',
        0.01,
        60.0,
    )
    joint_state_timeout: float = param(
        0.08, 'Seconds after which a joint state is too old: the arm brakes and holds.', 0.01, 10.0
    )
    observation_timeout: float = param(
        10.0, 'Seconds after which an observation is too old to act on.', 0.1, 600.0
    )
    budget_chunks: int = param(
        3,
        'Chunks that are asked for and not played before the arm first moves, to measure the '
        'latency; the first of them pays for the warm-up. 0: it goes without.',
        0,
        100,
    )
    auto_budget: bool = param(
        False, 'Raise chunk_size_threshold where the queue would run dry, instead of refusing.'
    )
    real_time_chunking: bool = param(
        False, 'Send what is queued with each request, for a flow policy that continues it.'
    )
    enabled: bool = param(False, 'Whether commands follow chunks from the start on.')
    dry_run: bool = param(
        False, 'Publish on ~/dry_run_commands what would be commanded; command nothing.'
    )
    time_slice: float = param(
        CONTROL,
        'Seconds that the control loop computes at a stretch where others want its core: the '
        'fewer, the sooner Linux (6.12) wakes it. 0: as the kernel likes.',
        0.0,
        LONGEST,
    )
    watched_nodes: str = param(
        '', 'Nodes, separated by commas, without which the arm holds: they must be active.'
    )
    watch_lease: float = param(
        LEASE, 'Seconds without a sign of life after which a watched node is gone.', 0.15, 60.0
    )


class ActionQueueNode(VlaNode):
    """Feeds messages to an Executor and publishes what it answers."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot or a name that is not there."""
        super().__init__('action_queue')
        self._params = declare(self, ActionQueueParams)
        self._robot = load_robot(find_config('robots', self._params.robot))
        shared = ExecutorConfig.__dataclass_fields__.keys() & vars(self._params).keys()
        self._config = ExecutorConfig(**{name: getattr(self._params, name) for name in shared})
        self._period = Duration(seconds=1.0 / self._params.rate).to_msg()
        self._inbox: deque[Callable[[], None]] = deque(maxlen=100)
        self._measured: np.ndarray | None = None  # None: nobody knows where the joints are
        self._felt = 0.0  # s, when that was
        self._episode_began = 0.0  # s; joint states of before belong to another episode
        self._done = False  # no episode follows
        self._estopped = False  # from the moment that it is asked for until it is armed again
        self._button = False  # the last word on the topic estop
        self._status_due = 0.0  # s, monotonic
        self._said: tuple[int | None, Mode] = (None, Mode.HOLDING)
        self._said_starved = 0
        self._said_threshold = self._config.threshold
        self._watchdog = Watchdog(
            self, parse_names(self._params.watched_nodes), self._params.watch_lease
        )
        self._pacer = Pacer(1.0 / self._params.rate)
        self._time_slice = 0.0  # s, of the control loop; 0: the kernel has none
        self._running = self._closing = False

    def configure(self) -> None:
        """Prepare an empty queue."""
        self._executor = Executor(self._robot, self._config)
        if self._estopped:
            self._executor.estop()
        elif self._params.enabled:
            self._executor.enable()
        topic = '~/dry_run_commands' if self._params.dry_run else 'joint_commands'
        self._commands = self.advertise(JointTrajectory, topic, qos.LATEST)
        self._statuses = self.advertise(
            QueueStatus, 'queue_status', qos.periodic(qos.LATEST, STATUS_PERIOD)
        )
        self._offered = [
            self.create_service(SetBool, '~/enable', self._on_enable),
            self.create_service(Trigger, '~/estop', self._on_estop),
            self.create_service(Trigger, '~/rearm', self._on_rearm),
        ]

    def activate(self) -> None:
        """Listen, and start the control loop."""
        self._executor.reset(self._episode_began)  # the arm may have been moved since
        self.subscribe(JointState, 'joint_states', self._on_joint_states, qos.SENSOR)
        self.subscribe(ActionChunk, 'action_chunk', self._on_action_chunk, qos.LATEST)
        self.subscribe(EpisodeEvent, 'episode', self._on_episode, qos.EVENTS)
        for profile in (qos.LATCHED, qos.SENSOR):  # what was said before, and whoever says it
            self.subscribe(Bool, 'estop', self._on_button, profile)
        self._steady = not self.get_parameter('use_sim_time').value
        self._running, self._closing = True, False
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread = self.run_thread(self._loop, 'control')

    def deactivate(self) -> None:
        """Brake, then stop the control loop; no command follows."""
        self._closing = True
        self._thread.join(BRAKING_TIME)
        self._running = False
        self._thread.join()
        self._inbox.clear()
        self._measured = None

    def cleanup(self) -> None:
        """End the services."""
        while self._offered:
            self.destroy_service(self._offered.pop())

    def diagnostics(self) -> dict[str, str]:
        """Tell the mode, the counters and the budget."""
        if not self.active:
            return {}
        counters = vars(self._executor.counters)
        return {
            'mode': self._executor.mode.name,
            'tick lateness': str(self._pacer.lateness()),
            'time slice': f'{1e3 * self._time_slice:.1f} ms',
            'budget': str(self._executor.budget() or 'not known yet'),
            'forecast': f'{self._executor.forecast(self.now()):.3f}',
            **{
                name: f'{value:.3f}' if isinstance(value, float) else str(value)
                for name, value in counters.items()
            },
        }

    def _on_joint_states(self, msg: JointState) -> None:
        stamp, now = messages.seconds(msg.header.stamp), self.now()
        self._episode_began = min(self._episode_began, now)  # the clock may have been set back
        if stamp < self._episode_began:
            return
        try:
            self._measured = messages.joint_positions(msg, self._robot.joint_names)
        except VlaError:
            self._measured = None
            raise
        self._felt = min(stamp, now) if stamp else now  # some drivers leave the stamp out

    def _on_action_chunk(self, msg: ActionChunk) -> None:
        self._inbox.append(lambda: self._push(msg))

    def _on_episode(self, msg: EpisodeEvent) -> None:
        self._done = self._watchdog.over = msg.event == EpisodeEvent.DONE
        if msg.event == EpisodeEvent.RESET:
            self._episode_began = began = messages.seconds(msg.header.stamp)
            self._measured = None
            self._inbox.append(lambda: self._executor.reset(began))

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if not self.active:
            response.message = NOT_ACTIVE
        elif request.data and self._estopped:
            response.message = 'the emergency stop is latched: call ~/rearm first'
        else:
            response.success = True
            self._inbox.append(self._executor.enable if request.data else self._executor.disable)
        return response

    def _on_button(self, msg: Bool) -> None:
        self._button = msg.data
        self._estopped = self._estopped or msg.data

    def _on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._estopped = response.success = True
        return response

    def _on_rearm(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.active and not self._button
        if response.success:
            self._estopped = False
            self._inbox.append(self._rearm)
        else:
            response.message = 'topic estop still says true' if self._button else NOT_ACTIVE
        return response

    def _rearm(self) -> None:
        """Release the stop; the arm is disabled, even if it was to stop and go within one tick."""
        self._executor.estop()
        self._executor.rearm()

    def _loop(self) -> None:
        """Tick at absolute deadlines."""
        self._shorten_slices()
        self._pacer, last = Pacer(1.0 / self._params.rate), time.monotonic()
        while self._running:
            self._pacer.wait()
            now = self.now()
            last, before = time.monotonic(), last
            self._tick(now, last - before if self._steady else None)

    def _shorten_slices(self) -> None:
        """Have Linux wake this thread soon, where it has no real-time priority."""
        seconds = max(self._params.time_slice, SHORTEST)
        usual = os.sched_getscheduler(0) == os.SCHED_OTHER
        if self._params.time_slice and usual and not set_time_slice(seconds):
            self.get_logger().info(
                'time_slice: this kernel gives none (Linux 6.12 does): on busy cores a tick waits '
                'for others, unless the placement gives action_queue a realtime priority'
            )
        self._time_slice = time_slice()

    def _tick(self, now: float, elapsed: float | None) -> None:
        """Do one step of control, ``elapsed`` seconds after the last; None: by the ROS clock."""
        self._empty_inbox()
        executor = self._executor
        ran = executor.mode is Mode.RUNNING
        if self._estopped and not executor.estopped:
            executor.estop()
        measured, obstacle = self._measured, self._obstacle(now)
        if obstacle or measured is None:
            tick = executor.stop(now, elapsed)
        else:
            tick = executor.tick(now, measured, elapsed)
        if tick is not None and tick.send:
            names = self._robot.joint_names
            self._commands.publish(command_msg(names, tick.positions, now, self._period))
        elif self._closing:
            self._running = False
        self._publish_status(now, obstacle)
        if ran and obstacle not in ('', NO_EPISODE, NOT_ACTIVE):
            self.report('hold', f'the arm holds: {obstacle}')
        self._warn(now)

    def _obstacle(self, now: float) -> str:
        """Return why the arm has to hold, '' where nothing speaks against motion."""
        if self._closing:
            return NOT_ACTIVE
        if self._done:
            return NO_EPISODE
        missing = self._watchdog.missing
        if missing:
            return f'{", ".join(missing)}: not active'
        if self._measured is None:
            return NO_JOINT_STATE
        self._felt = min(self._felt, now)  # the clock may have been set back
        age, longest = now - self._felt, self._params.joint_state_timeout
        if age <= longest:
            return ''
        return (
            f'the newest joint state is {age:.2f} s old, expected at most {longest:.2f} s: is the '
            'driver running, and do the clocks agree?'
        )

    def _publish_status(self, now: float, obstacle: str) -> None:
        """Publish at once what changed, and the rest from time to time."""
        said = (self._executor.request, self._executor.mode)
        if said == self._said and time.monotonic() < self._status_due:
            return
        self._said = said
        self._status_due = time.monotonic() + STATUS_PERIOD
        with_queued = self._params.real_time_chunking
        self._statuses.publish(status_msg(self._executor, now, obstacle, with_queued))

    def _empty_inbox(self) -> None:
        while self._inbox:
            try:
                self._inbox.popleft()()
            except VlaError as error:
                self.report('chunk', str(error))

    def _push(self, msg: ActionChunk) -> None:
        try:
            chunk = messages.chunk_from_msg(msg, self._robot.joint_names)
        except VlaError:
            self._executor.reject(msg.sequence)
            raise
        first = not self._executor.counters.accepted
        result = self._executor.push(chunk, self.now())
        text = f'chunk {chunk.sequence} {result.value}'
        if result is PushResult.ACCEPTED:
            self._tell_budget(first)
        elif result in (PushResult.STALE, PushResult.MEASURED):  # no fault: asked for that way
            self.get_logger().info(text, throttle_duration_sec=REPORT_PERIOD)
        elif result is PushResult.JUMP:
            self.report('chunk', f'{text}: {self._executor.objection}')
        else:
            self.report('chunk', text)

    def _tell_budget(self, first: bool) -> None:
        """Log the budget before the first motion, and a threshold that was raised."""
        budget, threshold = self._executor.budget(), self._executor.threshold
        if first and budget:
            self.get_logger().info(f'budget: {budget}')
        if threshold != self._said_threshold:
            before, self._said_threshold = self._said_threshold, threshold
            self.get_logger().warning(
                f'auto_budget: chunk_size_threshold raised from {before:.2f} to {threshold:.2f}'
            )

    def _warn(self, now: float) -> None:
        """Report a queue that is running dry, that ran dry, and an arm that is not let go."""
        executor = self._executor
        if executor.counters.starved > self._said_starved:
            budget = executor.budget()
            self.report('queue', f'the queue ran dry: {budget}' if budget else 'the queue ran dry')
        elif executor.mode is Mode.RUNNING and executor.forecast(now) < 0.0:
            left = executor.queue.remaining(now)
            self.report('budget', f'the queue will run dry in {left:.2f} s: {executor.budget()}')
        elif executor.mode is Mode.WAITING and executor.note:
            self.report('budget', executor.note)
        self._said_starved = executor.counters.starved


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(ActionQueueNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())
