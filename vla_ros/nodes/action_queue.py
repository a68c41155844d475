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
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger

from vla_ros.core.config import find_config
from vla_ros.core.errors import VlaError
from vla_ros.core.executor import Executor
from vla_ros.core.queue import PushResult
from vla_ros.core.robot import load_robot
from vla_ros.core.settings import ExecutorConfig
from vla_ros.core.status import Mode, Tick
from vla_ros.msg import ActionChunk, EpisodeEvent, QueueStatus
from vla_ros.ros import messages, qos
from vla_ros.ros.bounds import bounded, check_chunk
from vla_ros.ros.controllers import command_topic, make_commands
from vla_ros.ros.diagnostics import REPORT_PERIOD
from vla_ros.ros.emergency_stop import EmergencyStop
from vla_ros.ros.felt_joints import FeltJoints
from vla_ros.ros.lifecycle import NOT_ACTIVE, VlaNode
from vla_ros.ros.params import Change, declare, parse_names
from vla_ros.ros.process import spin_node
from vla_ros.ros.publishers import Answerers, Rivals
from vla_ros.ros.queue_params import ActionQueueParams
from vla_ros.ros.queue_status import (
    Standstill,
    describe_dry,
    reason,
    status_msg,
    tell_timeline,
)
from vla_ros.ros.watchdog import Watchdog
from vla_ros.runtime.claim import Claim, domain_id
from vla_ros.runtime.pacing import Pacer
from vla_ros.runtime.time_slices import SHORTEST, set_time_slice, time_slice

STATUS_PERIOD = 0.1  # s
LAST_TICK = 0.5  # s, at most, that a deactivated arm stands after it has braked
WAITING_CHUNKS = 8  # that are kept for the next tick; of more, the newest
SWITCH_INTERVAL = 2e-4  # s that a tick waits for the callbacks beside it; Python's own is 5 ms
NO_EPISODE = 'no episode follows'


class ActionQueueNode(VlaNode):
    """Feeds messages to an Executor and publishes what it answers."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot or a name that is not there."""
        super().__init__('action_queue')
        self._params = declare(self, ActionQueueParams, Change.CONFIGURE, self.retune)
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._inbox: deque[Callable[[], None]] = deque(maxlen=100)
        self._chunks: deque[ActionChunk] = deque(maxlen=WAITING_CHUNKS)
        self._done = False  # no episode follows
        self._estop = EmergencyStop(self)
        self._answerers = Answerers(self, 'action_chunk', patient=True)
        self._arm_obstacle = ''  # why the arm follows no command, as its driver says
        self._status_due = 0.0  # s, monotonic
        self._said: tuple[int | None, Mode] = (None, Mode.HOLDING)
        self._said_starved = 0
        self._standstill = Standstill()
        self._said_threshold = self._config().threshold
        self._watchdog = Watchdog(
            self, parse_names(self._params.watched_nodes), self._params.watch_lease
        )
        self._pacer = Pacer(1.0 / self._params.rate)
        self._time_slice = 0.0  # s, of the control loop; 0: the kernel has none
        self._running = self._closing = False
        self._held = ExitStack()  # what is let go of at the clean-up

    def _config(self) -> ExecutorConfig:
        shared = ExecutorConfig.__dataclass_fields__.keys() & vars(self._params).keys()
        return ExecutorConfig(**{name: getattr(self._params, name) for name in shared})

    def configure(self) -> None:
        """Prepare an empty queue."""
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._felt = FeltJoints(self._robot, self._params.joint_state_timeout)
        self._executor = Executor(self._robot, self._config())
        if self._estop.why:
            self._executor.estop()
        elif self._params.enabled:
            self._executor.enable()
        topic = command_topic(self._params)
        claim = Claim(self.resolve_topic_name(topic), domain_id())
        self._held.callback(claim.release)
        self._commands = make_commands(self, self._params, self._robot, self._executor)
        self._held.callback(self._commands.close)
        self._rivals = Rivals(self, topic)
        self._held.callback(self._rivals.close)
        self._statuses = self.advertise(
            QueueStatus, 'queue_status', qos.periodic(qos.LATEST, STATUS_PERIOD)
        )
        self._timelines = self.advertise(ActionChunk, 'queued_actions', qos.SENSOR)
        self.serve(SetBool, '~/enable', self._on_enable)
        self.serve(Trigger, '~/estop', self._estop.on_estop)
        self.serve(Trigger, '~/rearm', self._on_rearm)

    def activate(self) -> None:
        """Listen, and start the control loop."""
        self._executor.reset(self._felt.began)  # the arm may have been moved since
        on_joint_states = bounded(JointState, self._on_joint_states)
        self.subscribe(JointState, 'joint_states', on_joint_states, qos.JOINTS, True, info=True)
        on_chunk = bounded(ActionChunk, self._on_chunk, check_chunk)
        self.subscribe(ActionChunk, 'action_chunk', on_chunk, qos.LATEST, raw=True, info=True)
        on_episode = bounded(EpisodeEvent, self._on_episode)
        self.subscribe(EpisodeEvent, 'episode', on_episode, qos.EVENTS, raw=True)
        self.subscribe(String, 'arm_obstacle', self._on_arm_obstacle, qos.LATCHED)
        self.subscribe(Bool, 'estop', self._estop.on_button, qos.LATCHED, info=True)
        self._steady = not self.get_parameter('use_sim_time').value
        self._running, self._closing = True, False
        sys.setswitchinterval(SWITCH_INTERVAL)
        self.run_thread(self._loop, 'control')

    def deactivate(self) -> None:
        """Brake, then stop the control loop; no command follows."""
        self._closing = True
        self.join_threads(self._robot.braking_time + LAST_TICK)
        self._running = False
        self.join_threads()
        self._inbox.clear()
        self._chunks.clear()
        self._felt.forget()

    def cleanup(self) -> None:
        """Let others command the robot."""
        self._held.close()

    def retune(self) -> None:
        """Go on with another threshold or blending from the next tick on."""
        if self.configured:
            config = self._config()
            self._inbox.append(lambda: self._executor.retune(config))
            self._said_threshold = config.threshold

    def halt(self) -> None:
        """Brake from the next tick on."""
        self._closing = True

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

    def _on_joint_states(self, msg: JointState, info: Mapping[str, Any]) -> None:
        self._felt.hear(msg, info, self.now())

    def _on_chunk(self, msg: ActionChunk, info: Mapping[str, Any]) -> None:
        """Take a chunk for the next tick, but not of two policies by turns."""
        newest = self._executor.last_request
        objection = self._answerers.objection(info, msg.sequence, newest)
        if objection:
            raise VlaError(objection)
        self._chunks.append(msg)

    def _on_episode(self, msg: EpisodeEvent) -> None:
        self._done = self._watchdog.over = msg.event == EpisodeEvent.DONE
        if msg.event == EpisodeEvent.RESET:
            self._felt.began = began = messages.seconds(msg.header.stamp)
            self._felt.forget()
            self._inbox.append(lambda: self._executor.begin_episode(began))

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if not self.active:
            response.message = NOT_ACTIVE
        elif request.data and self._estop.why:
            response.message = 'the emergency stop is latched: call ~/rearm first'
        elif request.data and self._rival:
            response.message = self._rival
        else:
            response.success = True
            self._inbox.append(self._executor.enable if request.data else self._executor.disable)
        return response

    def _on_arm_obstacle(self, msg: String) -> None:
        self._arm_obstacle = msg.data

    def _on_rearm(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.active and self._estop.release()
        if response.success:
            self._inbox.append(self._rearm)
        else:
            response.message = 'topic estop still says true' if self.active else NOT_ACTIVE
        return response

    def _rearm(self) -> None:
        """Release the stop; the arm is disabled, even if it was to stop and go within one tick."""
        self._executor.estop()
        self._executor.rearm()

    def _loop(self) -> None:
        """Tick at absolute deadlines; an arm that moves is braked whatever ends this."""
        self._shorten_slices()
        self._pacer, last = Pacer(1.0 / self._params.rate), time.monotonic()
        try:
            while self._running:
                self._pacer.wait()
                now = self.now()
                last, before = time.monotonic(), last
                self._tick(now, last - before if self._steady else None)
        finally:
            self._commands.brake()

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
        executor = self._executor
        self._empty_inbox()
        ran = executor.mode is Mode.RUNNING  # and not just told to end that
        if self._estop.why and not executor.estopped:
            executor.estop()
        if self._rival and executor.enabled:
            executor.disable()
            self.report('rival', self._rival)
        if fault := self._commands.take_fault():
            self._refuse(fault)
        self._take_chunks()
        measured, obstacle = self._felt.positions, self._obstacle(now)
        if obstacle or measured is None:
            tick = executor.stop(now, elapsed)
        else:
            tick = executor.tick(now, measured, elapsed)
        if tick is not None and tick.send:
            self._send(tick, measured, now)
        else:
            self._commands.rest()
            self._running = not self._closing
        if executor.mode in (Mode.HOLDING, Mode.ESTOP):
            self._answerers.forget()  # a policy that was started again has the arm at once
        self._publish_status(now, obstacle)
        told = self._standstill.note(time.monotonic(), reason(executor, obstacle))
        if told:
            self.get_logger().info(told)
        if ran and obstacle not in ('', NO_EPISODE, NOT_ACTIVE):
            self.report('hold', f'the arm holds: {obstacle}')
        self._warn(now)

    def _send(self, tick: Tick, measured: np.ndarray | None, now: float) -> None:
        """Publish a command; where that must not be, brake from the one before."""
        objection = self._commands.send(tick, measured, now)
        if not objection:
            return
        self._refuse(f'{objection}: not sent')
        brake = self._executor.stop(now, tick.elapsed)
        if brake is not None and brake.send:
            self._commands.send(brake, measured, now)

    def _refuse(self, objection: str) -> None:
        """Have the arm brake from the last command, and hold until somebody enables it."""
        self.report('command', f'{objection}; the arm holds until it is enabled again')
        self._executor.refuse(objection, self._commands.guard.motion)

    @property
    def _rival(self) -> str:
        """Return who else commands the arm, '' for nobody."""
        names = self._rivals.names
        return f'{", ".join(names)} commands this arm, too: stop that, then ~/enable' * bool(names)

    def _obstacle(self, now: float) -> str:
        """Return why the arm has to hold, '' where nothing speaks against motion."""
        if self._closing:
            return NOT_ACTIVE
        if self._rival:
            return self._rival
        if self._done:
            return NO_EPISODE
        missing = self._watchdog.missing
        if missing:
            return f'{", ".join(missing)}: not active'
        if self._arm_obstacle:
            return f'the arm: {self._arm_obstacle}'
        return self._felt.objection(now) or self._commands.obstacle

    def _publish_status(self, now: float, obstacle: str) -> None:
        """Publish at once what changed, and the rest from time to time."""
        said = (self._executor.request, self._executor.mode)
        if said == self._said and time.monotonic() < self._status_due:
            return
        self._said = said
        self._status_due = time.monotonic() + STATUS_PERIOD
        with_queued = self._params.real_time_chunking
        msg = status_msg(self._executor, now, obstacle, with_queued)
        self._rivals.note(msg.header.stamp)
        self._statuses.publish(msg)

    def _empty_inbox(self) -> None:
        while self._inbox:
            try:
                self._inbox.popleft()()
            except VlaError as error:
                self.report('chunk', str(error))

    def _take_chunks(self) -> None:
        """Push what has arrived; one chunk at most is merged in a tick, which bounds its work."""
        merged = False
        while self._chunks and not merged:
            try:
                merged = self._push(self._chunks.popleft()) is PushResult.ACCEPTED
            except VlaError as error:
                self.report('chunk', str(error))

    def _push(self, msg: ActionChunk) -> PushResult:
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
            tell_timeline(self._timelines, self._executor.queue, self.now())
        elif result in (PushResult.STALE, PushResult.MEASURED):  # no fault: asked for that way
            self.get_logger().info(text, throttle_duration_sec=REPORT_PERIOD)
        elif result in (PushResult.JUMP, PushResult.BEYOND):
            self.report('chunk', f'{text}: {self._executor.objection}')
        else:
            self.report('chunk', text)
        return result

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
        if executor.denied:
            self.report('workspace', f'the policy is not followed: {executor.denied}')
        if executor.counters.starved > self._said_starved:
            self.report('queue', describe_dry(executor.budget()))
        elif executor.mode is Mode.RUNNING and executor.forecast(now) < 0.0:
            left = executor.queue.remaining(now)
            self.report('budget', describe_dry(executor.budget(), left))
        elif executor.mode is Mode.WAITING and executor.note:
            self.report('budget', executor.note)
        self._said_starved = executor.counters.starved


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(ActionQueueNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())
