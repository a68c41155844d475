# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The base of every node: lifecycle, placement, faults and diagnostics.

A node overrides ``configure`` (load, warm up, advertise, serve), ``activate`` (subscribe, run)
and, where it holds more than publishers, services and subscriptions, ``deactivate`` and
``cleanup``. It raises VlaError where it can't go on; the transition then fails with that one line
in the log.
"""

import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.event_handler import (
    PublisherEventCallbacks,
    QoSOfferedDeadlineMissedInfo,
    SubscriptionEventCallbacks,
)
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.service import Service
from rclpy.timer import Timer
from std_msgs.msg import Empty

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.ros import qos
from vla_ros.ros.diagnostics import Diagnostics, MeasuredPublisher
from vla_ros.ros.params import Change, declare, declare_qos, param
from vla_ros.ros.publishers import clock_objection
from vla_ros.ros.speech import Ear
from vla_ros.runtime.placement import NodePlacement, Placement, apply, load_placement

FLUSH_TIME = Duration(seconds=0.5)  # for a reader that does not answer any more
NOT_ACTIVE = 'not active: activate the node first'


@dataclass(frozen=True)
class NodeParams:
    """Parameters of every node."""

    autostart: bool = param(True, 'Configure and activate at start.')
    placement: str = param('', 'Placement file, or its name; empty: no pinning, CPU.')
    watchdog: float = param(
        60.0,
        'Seconds after which a callback that does not return ends the process; 0: never.',
        low=0.0,
        high=86400.0,
    )


class VlaNode(LifecycleNode):
    """A lifecycle node that says what it does and why it can't."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        """Declare the common parameters; raise ConfigError for a bad value."""
        super().__init__(name, **kwargs)
        self.active = False
        self.finished = False
        self.exit_code = 0  # of the process, once finished
        self.placement = NodePlacement()
        self._configured = False
        self._subscribed: list[Any] = []
        self._repeated: list[Timer] = []
        self._loops: list[threading.Thread] = []
        self._advertised: list[MeasuredPublisher] = []
        self._served: list[Service] = []
        self._alive: list[Publisher] = []  # there while the node is active
        self._settings = declare(self, NodeParams, Change.CONFIGURE)
        self._diagnostics = Diagnostics(self)
        self._faults = self._diagnostics.faults
        self.create_timer(1.0, self._on_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def configured(self) -> bool:
        """Say whether the node holds what it loaded with its parameters."""
        return self._configured

    @property
    def autostart(self) -> bool:
        """Say whether the node configures and activates itself at start."""
        return self._settings.autostart

    @property
    def stands_for(self) -> tuple[str, ...]:
        """Return the names under which a watchdog sees the node while it is active."""
        return (self.get_name(),)

    @property
    def watchdog(self) -> float:
        """Return the longest time that a callback may take in s; 0 for any."""
        return self._settings.watchdog

    def configure(self) -> None:
        """Load and warm up what the node needs, and advertise its topics."""

    def activate(self) -> None:
        """Subscribe and begin to work."""

    def deactivate(self) -> None:
        """Stop working; subscriptions made with ``subscribe`` end by themselves."""

    def cleanup(self) -> None:
        """Let go of what ``configure`` loaded; publishers and services end by themselves."""

    def retune(self) -> None:
        """Go on with parameters that were set while the node works."""

    def halt(self) -> None:
        """Begin to stop, for the process is to end; called beside the callbacks, which go on."""

    def diagnostics(self) -> dict[str, str]:
        """Return what an operator wants to know about the node now."""
        return {}

    def now(self) -> float:
        """Return the time of the node's clock (simulated where there is one) in seconds."""
        return self.get_clock().now().nanoseconds * 1e-9

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """Return the whole name of a topic; raise ConfigError for what is no name of one."""
        try:
            return str(super().resolve_topic_name(topic, only_expand=only_expand))
        except RuntimeError:  # RCLError, which rclpy hides
            raise ConfigError(
                f'{self.get_name()}: topic: got {topic!r}, expected letters, digits and _ between '
                'its slashes, and no digit first; rename what it is called after'
            ) from None

    def advertise(self, msg_type: type, topic: str, profile: QoSProfile) -> Publisher:
        """
        Return a publisher that lives until the node is cleaned up.

        The deadlines that it misses while the node is active, if ``profile`` has one, are told on
        /diagnostics.
        """

        def on_late(info: QoSOfferedDeadlineMissedInfo) -> None:
            self._diagnostics.traffic.late[topic] += info.total_count_change * self.active

        profile = declare_qos(self, topic, profile, 'publisher')
        periodic = profile.deadline.nanoseconds > 0
        publisher: Any = self.create_publisher(
            msg_type,
            topic,
            profile,
            event_callbacks=PublisherEventCallbacks(deadline=on_late if periodic else None),
            publisher_class=MeasuredPublisher,
        )
        publisher.now = self.now
        self._advertised.append(publisher)
        return publisher

    def serve(self, srv_type: type, name: str, callback: Callable[[Any, Any], Any]) -> None:
        """
        Offer a service until the node is cleaned up.

        A VlaError of ``callback`` is the answer, of a type with ``success`` and ``message``.
        """

        def guarded(request: Any, response: Any) -> Any:
            try:
                return callback(request, response)
            except VlaError as error:
                response.success, response.message = False, str(error)
                return response

        self._served.append(self.create_service(srv_type, name, guarded))

    def subscribe(
        self,
        msg_type: type,
        topic: str,
        callback: Callable[..., None],
        profile: QoSProfile,
        raw: bool = False,
        info: bool = False,
        newest: bool = False,
    ) -> None:
        """
        Subscribe until the node is deactivated; a VlaError of ``callback`` is reported.

        A ``raw`` subscription hands the serialized bytes on, one with ``info`` also what the
        middleware knows of the message. Where ``profile`` asks for what was said before, who does
        not keep it is heard, too: an ordinary publisher would never match. With ``newest`` a topic
        is one thing that several may set: what was said of it before something else is not heard
        after that.
        """
        traffic = self._diagnostics.traffic
        profiles = [declare_qos(self, topic, profile, 'subscription')]
        if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
            # neither may skip what the other still has: it would be heard after what is newer
            profiles[0].depth = max(profiles[0].depth, qos.VOLATILE.depth)
            profiles.append(qos.VOLATILE)
        ear = Ear(newest) if len(profiles) > 1 else None

        def guarded(msg: Any, known: Mapping[str, Any]) -> None:
            if ear and not ear.takes(known):
                return
            traffic.received[topic] += 1
            try:
                callback(msg, *((known,) if info else ()))
            except VlaError as error:
                self.report(topic, str(error))

        events = SubscriptionEventCallbacks()
        if profiles[0].reliability == ReliabilityPolicy.BEST_EFFORT:
            events.message_lost = traffic.note_loss(topic)
        if len(profiles) > 1:  # who does not match the one matches the other: no need to warn
            events.incompatible_qos = lambda _: None
        for each in profiles:
            subscription = self.create_subscription(
                msg_type, topic, guarded, each, raw=raw, event_callbacks=events
            )
            self._subscribed.append(subscription)

    def repeat(self, period: float, callback: Callable[[], None]) -> None:
        """Call that every ``period`` (s, of no simulated time) until the node is deactivated."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._repeated.append(self.create_timer(period, callback, clock=steady))

    def run_thread(self, loop: Callable[[], None], name: str) -> threading.Thread:
        """
        Run ``loop`` beside the callbacks until it returns; ``deactivate`` must see to that.

        It can wait for that with ``join_threads``.

        At Ctrl-C the ROS context goes first, and a publish that fails for it ends the loop. Any
        other error is logged and ends the process, for a node without its loop is of no use.
        """

        def run() -> None:
            with ExitStack() as stack:
                stack.push(self._end_thread)
                loop()

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self._loops = [each for each in self._loops if each.is_alive()] + [thread]
        return thread

    def join_threads(self, timeout: float | None = None) -> None:
        """Wait for what ``run_thread`` began, for each ``timeout`` s at most; None: to the end."""
        for thread in self._loops:
            thread.join(timeout)

    def finish(self) -> None:
        """End the process once what was published has arrived; for a node whose job is done."""
        for publisher in self._advertised:
            publisher.wait_for_all_acked(FLUSH_TIME)
        self.finished = True

    def report(self, kind: str, message: str) -> None:
        """Count a fault of this kind and log it, at most once in REPORT_PERIOD for each kind."""
        self._diagnostics.report(kind, message)

    def warn(self, message: str) -> None:
        """Log what an operator should mend although the node goes on; whoever calls is brief."""
        self._diagnostics.warn(message)

    def start(self) -> bool:
        """Configure and activate; return whether both went well (the log says why not)."""
        success = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == success and self.trigger_activate() == success

    def _LifecycleNodeMixin__change_state(self, transition_id: int) -> TransitionCallbackReturn:  # noqa: N802
        """Refuse a transition that the state does not have; Jazzy's rclpy raises for it."""
        machine = self._state_machine
        offered = {each[0]: each[1] for each in machine.available_transitions}
        if transition_id not in offered:
            self.get_logger().error(
                f'lifecycle: got transition {transition_id} while {machine.current_state[1]}, '
                f'expected one of {", ".join(f"{i} ({name})" for i, name in offered.items())}'
            )
            return TransitionCallbackReturn.ERROR
        return super()._LifecycleNodeMixin__change_state(transition_id)  # type: ignore[misc]

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Place the process, then run ``configure``."""
        self._configured = True
        if not self._succeeds(self._place) or not self._succeeds(self.configure):
            self._release()
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run ``activate``."""
        self.active = True
        if not self._succeeds(self.activate):
            self._stop()
            return TransitionCallbackReturn.FAILURE
        topics = [f'{name}/alive' for name in self.stands_for]
        self._alive = [self.create_publisher(Empty, topic, qos.ALIVE) for topic in topics]
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run ``deactivate`` and end the subscriptions."""
        self._succeeds(self._stop)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run ``cleanup`` and end the publishers and services."""
        self._succeeds(self._release)
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and let go, whatever the state was."""
        self._succeeds(self._stop)
        self._succeeds(self._release)
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and let go, so that the node can be configured again."""
        self._succeeds(self._stop)
        self._succeeds(self._release)
        return super().on_error(state)

    def destroy_node(self) -> None:
        """Stop and let go before the node goes."""
        self._succeeds(self._stop)
        self._succeeds(self._release)
        super().destroy_node()

    def _succeeds(self, step: Callable[[], None]) -> bool:
        """Run ``step`` and return whether it could go on; the log says why not."""
        try:
            with ExitStack() as stack:
                stack.push(self._log_crash)
                step()
        except VlaError as error:
            self.get_logger().error(str(error))
            return False
        return True

    def _log_crash(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Log what is no VlaError, for rclpy drops the exceptions of a transition silently."""
        if isinstance(error, Exception) and not isinstance(error, VlaError):
            self.get_logger().fatal(''.join(traceback.format_exception(error)))

    def _end_thread(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        """End the process where a thread crashed, with all that is known about it in the log."""
        if error is not None and not context_is_gone(error):
            self.get_logger().fatal(''.join(traceback.format_exception(error)))
            self.exit_code, self.finished = 1, True
        return True

    def _place(self) -> None:
        name = self._settings.placement
        placement = load_placement(find_config('placement', name)) if name else Placement()
        self.placement = placement.node(self.get_name())
        for warning in apply(self.placement):
            self.get_logger().warning(warning)

    def _stop(self) -> None:
        if not self.active:
            return
        self.active = False
        while self._alive:
            self.destroy_publisher(self._alive.pop())
        self.deactivate()
        while self._repeated:
            self.destroy_timer(self._repeated.pop())
        while self._subscribed:
            self.destroy_subscription(self._subscribed.pop())

    def _release(self) -> None:
        if not self._configured:
            return
        self._configured = False
        while self._served:  # first: what they speak of is about to go
            self.destroy_service(self._served.pop())
        self.cleanup()
        while self._advertised:
            self.destroy_publisher(self._advertised.pop())

    def _on_diagnostics(self) -> None:
        objection = clock_objection(self, {each.topic_name for each in self._advertised})
        if objection:
            self.report('clock', objection)
        self._diagnostics.traffic.publishers = self._advertised
        state = self._state_machine.current_state[1]
        values = {'device': self.placement.device, **self.diagnostics()}
        self._diagnostics.publish(state, values)
        for publisher in self._alive:
            publisher.publish(Empty())  # for a watcher that was not told (see Watchdog)


def context_is_gone(error: BaseException) -> bool:
    """Say whether ROS was shut down while the code that raised ``error`` was still using it."""
    return isinstance(error, RuntimeError) and not rclpy.ok()  # RCLError, which rclpy hides
