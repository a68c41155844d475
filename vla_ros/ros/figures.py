# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures in space as markers (visualization_msgs); metres in the frame of the arm's root."""

import math
from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

Colour = tuple[float, float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0, 1.0)
RED: Colour = (0.8, 0.06, 0.18, 1.0)
GREEN: Colour = (0.15, 0.6, 0.3, 0.5)
GREY: Colour = (0.6, 0.6, 0.6, 0.35)
AMBER: Colour = (0.95, 0.65, 0.1, 1.0)


def figure(name: str, number: int, kind: int, colour: Colour, size: Sequence[float]) -> Marker:
    """Return an empty marker of a kind; ``size`` is its scale (m), as that kind understands it."""
    marker = Marker(ns=name, id=number, type=kind, action=Marker.ADD)
    marker.color = _colour(colour)
    x, y, z = (*map(float, size), 0.0, 0.0)[:3]
    marker.scale = Vector3(x=x, y=y, z=z)
    marker.pose = Pose(orientation=Quaternion(w=1.0))
    return marker


def nothing(name: str, number: int = 0) -> Marker:
    """Return the marker that takes away what was drawn under this name and number."""
    return Marker(ns=name, id=number, action=Marker.DELETE)


def dots(name: str, points: np.ndarray, colours: Sequence[Colour], size: float) -> Marker:
    """Return a dot of ``size`` (m) at each of the points (n, 3), in a colour of its own."""
    marker = figure(name, 0, Marker.SPHERE_LIST, WHITE, (size, size, size))
    marker.points = [_point(point) for point in points]
    marker.colors = [_colour(colour) for colour in colours]
    return marker


def edges(name: str, number: int, points: np.ndarray, colour: Colour, width: float) -> Marker:
    """Return lines between each two of the points (2 n, 3)."""
    marker = figure(name, number, Marker.LINE_LIST, colour, (width,))
    marker.points = [_point(point) for point in points]
    return marker


def text(
    name: str, number: int, words: str, place: Sequence[float] | np.ndarray, colour: Colour
) -> Marker:
    """Return words that face whoever looks."""
    marker = figure(name, number, Marker.TEXT_VIEW_FACING, colour, (0.0, 0.0, 0.025))
    marker.text = words
    marker.pose.position = _point(place)
    return marker


def ball(
    name: str, number: int, place: Sequence[float] | np.ndarray, size: float, colour: Colour
) -> Marker:
    """Return a ball."""
    marker = figure(name, number, Marker.SPHERE, colour, (size, size, size))
    marker.pose.position = _point(place)
    return marker


def tile(name: str, number: int, place: Sequence[float], edge: float, colour: Colour) -> Marker:
    """Return a square on the table, its middle at ``place`` (x, y)."""
    marker = figure(name, number, Marker.CUBE, colour, (edge, edge, 0.001))
    marker.pose.position = _point((place[0], place[1], 0.0))
    return marker


def frustum(pose: np.ndarray, across: float, up: float, length: float) -> np.ndarray:
    """Return the edges (16, 3) of the pyramid that a camera sees; angles in rad, length in m."""
    x, y = length * math.tan(across / 2), length * math.tan(up / 2)
    corners = np.array([[-x, -y, length], [x, -y, length], [x, y, length], [-x, y, length]])
    pairs = [(np.zeros(3), corner) for corner in corners]
    pairs += [(corners[i], corners[i - 1]) for i in range(4)]
    points = np.array(pairs).reshape(-1, 3)
    placed: np.ndarray = points @ pose[:3, :3].T + pose[:3, 3]
    return placed


def _colour(colour: Colour) -> ColorRGBA:
    r, g, b, a = map(float, colour)
    return ColorRGBA(r=r, g=g, b=b, a=a)


def _point(place: Sequence[float] | np.ndarray) -> Point:
    x, y, z = map(float, place)
    return Point(x=x, y=y, z=z)
