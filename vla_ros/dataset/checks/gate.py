# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the cameras see now, checked before an episode begins: the same checks as of recordings.

The reference is one picture of each camera, taken when all was in place. It lies beside the
recordings, so that every later session is compared with the first one.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_bytes
from vla_ros.dataset.bag import Message, header_time
from vla_ros.dataset.camera_messages import read_picture
from vla_ros.dataset.checks import cameras
from vla_ros.dataset.checks.episodes import Episode, Episodes
from vla_ros.dataset.checks.finding import Finding, Limit
from vla_ros.dataset.checks.motion import frame_rate
from vla_ros.dataset.checks.picture_statistics import Look, look_at
from vla_ros.dataset.checks.thresholds import Thresholds

REFERENCE = 'reference'  # folder beside the episodes
_PICTURES = 4  # that are looked at; their median has less noise than one
_CHECKS = (
    cameras.check_drift,
    cameras.check_focus,
    cameras.check_brightness,
    cameras.check_brightness_drift,
    cameras.check_clipping,
    cameras.check_contrast,
)


@dataclass
class View:
    """What came from one camera last."""

    stamps: deque[float]  # s, of about a second
    pictures: deque[Message] = field(default_factory=lambda: deque(maxlen=_PICTURES))


class Gate:
    """Keeps the last pictures of each camera, undecoded, until someone wants to begin."""

    def __init__(
        self,
        names: Iterable[str],
        fps: float,
        reference: Mapping[str, np.ndarray],
        moving: Collection[str] = (),
        limits: Thresholds | None = None,
    ) -> None:
        """
        Watch the cameras of these names, which send ``fps`` pictures per second.

        ``reference`` holds pictures (height, width, 3) uint8 of how they should see the scene;
        those in ``moving`` sit on the arm, and are not compared in place.
        """
        self._views = {name: View(deque(maxlen=max(2, round(fps)))) for name in names}
        self._fps, self._moving = fps, frozenset(moving)
        self._limits = limits or Thresholds()
        self._reference = {name: _look([picture]) for name, picture in reference.items()}

    def see(self, camera: str, message: Message) -> None:
        """Take note of a serialized picture."""
        view = self._views[camera]
        view.stamps.append(header_time(message.data))
        view.pictures.append(message)

    def check(self, time: int) -> list[Finding]:
        """Return what every check finds; ``time`` (ns) is now, on the clock of the messages."""
        live = [finding for name in self._views for finding in self._check_stream(name, time)]
        seen = self.pictures()
        if not seen:
            return live
        looks = {name: _look(pictures) for name, pictures in seen.items()}
        known = {n: look for n, look in self._reference.items() if _fits(look, looks.get(n))}
        now = self._episodes(looks, known)
        return live + [finding for check in _CHECKS for finding in check(now, self._limits)]

    def pictures(self) -> dict[str, list[np.ndarray]]:
        """Return the last pictures of each camera that sent any."""
        return {
            name: [np.array(read_picture(message)) for message in view.pictures]
            for name, view in self._views.items()
            if view.pictures
        }

    def refer_to(self, pictures: Mapping[str, np.ndarray]) -> None:
        """Compare with these pictures from now on."""
        self._reference = {name: _look([picture]) for name, picture in pictures.items()}

    def _check_stream(self, name: str, time: int) -> list[Finding]:
        """Return whether a camera lives, and how fast it is."""
        view, limits = self._views[name], self._limits
        age = (time - view.pictures[-1].time) / 1e9 if view.pictures else float('inf')
        alive = Finding(
            'camera alive',
            name,
            age,
            's since the last picture',
            Limit(high=limits.silence / self._fps),
            'check the cable and the node of the camera, and restart it',
        )
        if len(view.stamps) < (view.stamps.maxlen or 0):
            return [alive]
        low, high = (self._fps * (1 + sign * limits.live_rate) for sign in (-1, 1))
        rate = frame_rate(np.array(view.stamps))
        mend = 'set the rate of the camera, shorten its exposure, or free the computer'
        return [alive, Finding('frame rate', name, rate, 'Hz', Limit(low, high), mend)]

    def _episodes(self, looks: Mapping[str, Look], known: Mapping[str, Look]) -> Episodes:
        """Return what is seen now as an episode that has only begun."""
        none = np.zeros((2, 1))
        now = Episode(0, np.arange(2.0), none, none, np.zeros(1, int), looks)
        return Episodes([now], self._fps, reference=known, moving=self._moving)


class Gatekeeper:
    """Decides whether an episode may begin, and keeps the reference of the first one."""

    def __init__(
        self,
        folder: Path,
        cameras: Collection[str],
        fps: float,
        moving: Collection[str] = (),
        given: bool = False,
    ) -> None:
        """
        Compare with the pictures in ``folder``, or fill it from the first episode.

        Raise ConfigError where the folder is ``given`` and misses a camera.
        """
        pictures = load_reference(folder)
        missing = sorted(set(cameras) - pictures.keys())
        if given and missing:
            raise ConfigError(
                f'reference: got no {missing[0]}.png in {folder}, expected one picture of each '
                'camera; add it'
            )
        self._folder, self._complete = folder, not missing
        self._gate = Gate(cameras, fps, pictures, moving)

    def see(self, camera: str, message: Message) -> None:
        """Take note of a serialized picture."""
        self._gate.see(camera, message)

    def objection(self, time: int) -> str:
        """Return why none may begin at ``time`` (ns); empty: it may."""
        text = describe(self._gate.check(time))
        if not text and not self._complete:
            save_reference(self._folder, self._gate.pictures())
            self._gate.refer_to(load_reference(self._folder))
            self._complete = True
        return text


def save_reference(folder: Path, pictures: Mapping[str, list[np.ndarray]]) -> None:
    """Write the median of each camera's pictures as <folder>/<camera>.png."""
    for name, taken in pictures.items():
        median = np.median(np.stack(taken), axis=0).astype(np.uint8)
        path = folder / f'{name}.png'
        _, encoded = cv2.imencode(path.suffix, median[:, :, ::-1])
        write_bytes(path, encoded.tobytes())


def load_reference(folder: Path) -> dict[str, np.ndarray]:
    """Return the pictures in a folder by camera; raise ConfigError for one that is unreadable."""
    pictures = {}
    for path in sorted(folder.glob('*.png')):
        picture = cv2.imread(str(path))
        if picture is None:
            raise ConfigError(f'reference {path}: is no picture; remove it, and take it anew')
        pictures[path.stem] = np.ascontiguousarray(picture[:, :, ::-1])
    return pictures


def describe(findings: Iterable[Finding]) -> str:
    """Return what did not pass: the check, its number, its threshold and its mend."""
    return '; '.join(
        f'{f.name} {f.scope.partition(":")[0]}: got {f.value:.3g} {f.unit}, '
        f'expected {f.threshold}: {f.mend}'
        for f in findings
        if not f.passed
    )


def _look(pictures: list[np.ndarray]) -> Look:
    """Return how a camera sees a scene in which nothing moves."""
    even = pictures if len(pictures) % 2 == 0 else [*pictures, pictures[-1]]
    return look_at(np.array(even).reshape(-1, 2, *even[0].shape))


def _fits(reference: Look, seen: Look | None) -> bool:
    return seen is not None and reference.background.shape == seen.background.shape
