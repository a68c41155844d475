# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Web node: a live page for a browser, with the arm, its cameras, its queue, and buttons.

It shows what others publish, and commands only what a person with the token asks for. Pictures
and joints are subscribed to while somebody looks, and each viewer gets the newest at its own pace,
so that nobody who looks slows the arm or another viewer. The log shows the link.
"""

from dataclasses import dataclass

from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription

from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.errors import VlaError
from vla_ros.core.robot import load_robot
from vla_ros.ros import qos
from vla_ros.ros.camera_topics import COMPRESSED_CAMERAS
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.operator import Operator
from vla_ros.ros.page import Page, PageParams
from vla_ros.ros.params import declare, param, parse_names
from vla_ros.ros.process import spin_node
from vla_ros.ros.show import DIAGNOSTICS, PERIOD, Clocks, Heard, Show
from vla_ros.view.hub import Hub

PROFILES = {
    'episode': qos.EVENTS,
    'instruction': qos.LATCHED,
    'joint_states': qos.JOINTS,
    DIAGNOSTICS: qos.EVERY,
}


@dataclass(frozen=True)
class WebParams(PageParams):
    """Parameters of the web node."""

    robot: str = param(ROBOT, "The robot's file in config/robots, or its path.")
    cameras: str = param('top,gripper,left', 'Cameras to show, separated by commas.')
    compressed_cameras: str = param('', COMPRESSED_CAMERAS)


class WebNode(VlaNode):
    """Turns messages into what is on show, and clicks into commands."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot that is not there."""
        super().__init__('web')
        self._params = declare(self, WebParams)
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._page: Page | None = None
        self._watching: list[Subscription] = []  # while somebody looks

    @property
    def port(self) -> int:
        """Return the port that the page is at, once configured; 0 before."""
        return self._page.port if self._page else 0

    def configure(self) -> None:
        """Open the page."""
        self._hub = Hub()
        self._operator = Operator(self)
        self._page = Page(self, self._params, self._hub, self._operator)
        self._show = Show(
            self._hub,
            self._robot,
            list(parse_names(self._params.cameras)),
            self.get_namespace(),
            Clocks(self.now),
            self._params.picture_rate,
            self._params.picture_width,
            compressed=self._params.compressed_cameras,
        )
        self._show.greet()

    def activate(self) -> None:
        """Listen, and show."""
        for topic, heard in self._show.topics.items():
            profile = PROFILES.get(topic, qos.SENSOR)
            newest = topic == 'instruction'
            self.subscribe(heard.kind, topic, heard.take, profile, newest=newest)
        self.repeat(PERIOD, self._on_timer)

    def deactivate(self) -> None:
        """Show nothing new."""
        self._look_away()

    def cleanup(self) -> None:
        """Close the page."""
        if self._page is not None:
            self._page.close()
            self._operator.close()
            self._page = None

    def diagnostics(self) -> dict[str, str]:
        """Tell how many look."""
        return {'viewers': str(self._hub.viewers)} if self.active else {}

    def _on_timer(self) -> None:
        """Show how the arm stands now, and listen to more while somebody looks."""
        if self._hub.viewers and not self._watching:
            for topic, heard in self._show.streams.items():
                self._watch(topic, heard)
        elif self._watching and not self._hub.viewers:
            self._look_away()
        self._show.tick()

    def _look_away(self) -> None:
        while self._watching:
            self.destroy_subscription(self._watching.pop())
        self._show.forget_joints()

    def _watch(self, topic: str, heard: Heard) -> None:
        """Show the messages of a topic, no more of them per second than are wanted."""

        def on_raw(data: bytes) -> None:
            if not self._show.is_wanted(topic, heard):
                return
            try:
                heard.take(deserialize_message(data, heard.kind))
            except VlaError as error:
                self.report(topic, str(error))

        profile = PROFILES.get(topic, qos.SENSOR)
        subscription = self.create_subscription(heard.kind, topic, on_raw, profile, raw=True)
        self._watching.append(subscription)


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(WebNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
