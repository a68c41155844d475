# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated recordings, and what can be wrong with them: in the scene, in time, in the plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from vla_ros.dataset.checks import skew
from vla_ros.dataset.checks.episodes import Changes, Episode, Episodes, Facts
from vla_ros.dataset.checks.picture_statistics import look_at
from vla_ros.dataset.checks.recording import lost_share
from vla_ros.sim.defects import move_camera, turn_camera, whiten_table
from vla_ros.sim.episode import Episode as Demonstration
from vla_ros.sim.episode import demonstrate
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.task import Scene, TaskChoice

FPS, PAIRS = 30.0, 12
TASK = TaskChoice()
CALIBRATION = {'arm.json': 'a1', 'leader.json': 'b2'}

Change = Callable[[Any], None]  # of MuJoCo's model
Retouch = Callable[[str, np.ndarray], np.ndarray]  # camera, pairs of pictures -> pairs


@dataclass(frozen=True)
class Film:
    """How a scene is filmed: what is changed in it, its light, and what befalls the pictures."""

    change: Change = lambda model: None
    light: float = 1.0
    retouch: Retouch = lambda camera, pictures: pictures


@dataclass(frozen=True)
class Recording:
    """Demonstrations, and how they look as a recording in which nothing is wrong."""

    demonstrations: Sequence[Demonstration]
    size: tuple[int, int]  # width and height, px
    clean: Episodes = field(init=False)

    def __post_init__(self) -> None:
        """Film the demonstrations."""
        object.__setattr__(self, 'clean', Episodes(self.film(Film()), FPS))

    def film(self, film: Film, indices: Sequence[int] | None = None) -> list[Episode]:
        """Return (the chosen ones of) the demonstrations as they look when filmed so."""
        scene = TASK.type.make_scene()
        film.change(scene.model)
        renderer = Renderer(scene, *self.size)
        watched = skew.choose(len(self.demonstrations)) if indices is None else set()
        try:
            return [
                _episode(
                    index, self.demonstrations[index], scene, renderer, film, index in watched
                )
                for index in (range(len(self.demonstrations)) if indices is None else indices)
            ]
        finally:
            renderer.close()

    @property
    def late(self) -> list[int]:
        """Return the last eighth of the episodes."""
        return list(range(len(self.demonstrations)))[-max(1, len(self.demonstrations) // 8) :]

    def spoil(self, film: Film, indices: Sequence[int]) -> Episodes:
        """Return the recording with these episodes filmed otherwise."""
        taken = {episode.index: episode for episode in self.film(film, indices)}
        return self.replace(lambda episode: taken.get(episode.index, episode))

    def replace(self, alter: Callable[[Episode], Episode]) -> Episodes:
        """Return the recording with each episode altered."""
        return replace(self.clean, episodes=[alter(episode) for episode in self.clean.episodes])

    def facts(self, alter: Callable[[Episode], dict[str, Any]]) -> Episodes:
        """Return the recording with other facts about each episode."""
        return self.replace(lambda e: replace(e, facts=replace(e.facts, **alter(e))))


def simulate(seed: int, starts: int, recoveries: int, size: tuple[int, int]) -> Recording:
    """Return a recording of the study's clusters, with so many mishaps in all."""
    task = TASK.make()
    plan = replace(task.plan, starts=starts, recoveries=1, seed=seed).episodes()
    plain = [planned for planned in plan if not planned.recovery]
    mended = [planned for planned in plan if planned.recovery]
    chosen = [*plain, *mended[:recoveries]]
    return Recording([demonstrate(task, planned) for planned in chosen], size)


def move(camera: str, metres: float = 0.005) -> Film:
    """Move a camera along the table."""
    return Film(partial(move_camera, camera=camera, metres=metres))


def yaw(camera: str, axis: int, degrees: float = 1.0) -> Film:
    """Turn a camera about one of its own axes."""
    return Film(partial(turn_camera, camera=camera, degrees=degrees, axis=axis))


def freeze(frozen: str) -> Film:
    """Have one camera show the same picture from a third of the episode on."""

    def retouch(camera: str, pictures: np.ndarray) -> np.ndarray:
        if camera == frozen:
            pictures[len(pictures) // 3 :] = pictures[len(pictures) // 3, 0]
        return pictures

    return Film(retouch=retouch)


def white_on_white(recording: Recording) -> Episodes:
    """Return episodes on a table as white as the bag."""
    film = recording.film(Film(whiten_table), recording.late)
    return replace(recording.clean, episodes=film)


def drop_frames(recording: Recording, rng: np.random.Generator, renumber: bool) -> Episodes:
    """Drop a tenth of the frames; ``renumber`` their times as if none were missing."""
    return recording.replace(partial(_drop, rng=rng, renumber=renumber))


def delay_pictures(recording: Recording, periods: int = 4) -> Episodes:
    """Have all pictures come late."""

    def late(changes: Changes) -> Changes:
        return changes._replace(time=changes.time + periods / FPS)

    return recording.replace(
        lambda e: replace(e, changes={name: late(seen) for name, seen in e.changes.items()})
    )


def forget_to_end(recording: Recording, times: float = 1.0) -> Episodes:
    """Have the arm rest at the end of the first episode, so many times as long as it took."""
    return _take_rows(
        recording, lambda count: np.minimum(np.arange(count * (1 + times)), count - 1)
    )


def cut_short(recording: Recording, share: float = 0.5) -> Episodes:
    """Have the first episode end after a share of it."""
    return _take_rows(recording, lambda count: np.arange(count * share))


def lose_cluster(recording: Recording) -> Episodes:
    """Leave out the episodes of the first one's cluster."""
    lost = recording.clean.episodes[0].facts.cluster
    kept = [e for e in recording.clean.episodes if e.facts.cluster != lost]
    return replace(recording.clean, episodes=kept)


def rare_recoveries(recording: Recording) -> Episodes:
    """Have but 5 % of the episodes be recoveries."""
    few = round(0.05 * len(recording.clean.episodes))
    return recording.facts(lambda e: {'recovery': 'drop' if e.index < few else ''})


def leak_held_out(recording: Recording) -> Episodes:
    """Have the last episode start in the cluster that is kept for validation."""
    last = recording.late[-1]
    return recording.facts(
        lambda e: {'cluster': TASK.load_plan().held_out if e.index == last else e.facts.cluster}
    )


def change_calibration(recording: Recording) -> Episodes:
    """Have the last episodes be recorded with another calibration file."""
    other = {**CALIBRATION, 'arm.json': 'c3'}
    return recording.facts(
        lambda e: {'calibration': other if e.index in recording.late else CALIBRATION}
    )


def _take_rows(recording: Recording, choose: Callable[[int], np.ndarray]) -> Episodes:
    """Return the recording, and of the first episode the rows that are chosen from so many."""
    first = recording.clean.episodes[0]
    rows = choose(len(first.time)).astype(int)
    taken = replace(
        first,
        time=np.arange(len(rows)) / FPS,
        state=first.state[rows],
        action=first.action[rows],
        pairs=np.minimum(first.pairs, len(rows) - 2),
        changes={},
    )
    return recording.replace(lambda e: taken if e.index == first.index else e)


def _drop(episode: Episode, rng: np.random.Generator, renumber: bool) -> Episode:
    kept = rng.random(len(episode.time)) > 0.1
    kept[[0, -2, -1]] = True
    time = episode.time[: kept.sum()] if renumber else episode.time[kept]
    lost = dict.fromkeys(episode.looks, lost_share(time, 0))
    return replace(
        episode,
        time=time,
        state=episode.state[kept],
        action=episode.action[kept],
        pairs=np.minimum(episode.pairs, kept.sum() - 2),
        changes={},
        facts=replace(episode.facts, lost=lost),
    )


def _episode(
    index: int,
    demonstration: Demonstration,
    scene: Scene,
    renderer: Renderer,
    film: Film,
    watched: bool,
) -> Episode:
    """Film one demonstration: pairs of pictures all over it and, where asked for, a stretch."""
    count = len(demonstration.steps)
    time = np.arange(count) / FPS
    pairs = np.linspace(0, count - 2, PAIRS).astype(int)
    rows = np.stack([pairs, pairs + 1], axis=1).ravel()
    shots = _shoot(demonstration, rows, scene, renderer, film.light)
    looks = {
        camera: look_at(film.retouch(camera, shot.reshape(PAIRS, 2, *shot.shape[1:])))
        for camera, shot in shots.items()
    }
    changes = {}
    if watched:
        watching = np.array(skew.stretch(count))
        shots = _shoot(demonstration, watching, scene, renderer, film.light)
        changes = {camera: skew.changes(shot, time[watching]) for camera, shot in shots.items()}
    state = np.array([step.scene.qpos[:6] for step in demonstration.steps])
    facts = Facts(
        demonstration.cluster,
        demonstration.recovery,
        demonstration.rotation,
        CALIBRATION,
        lost=dict.fromkeys(TASK.type.cameras, 0.0),
        dropped=0,
    )
    return Episode(index, time, state, state, pairs, looks, facts, changes)


def _shoot(
    demonstration: Demonstration, rows: np.ndarray, scene: Scene, renderer: Renderer, light: float
) -> dict[str, np.ndarray]:
    """Return the pictures (rows, height, width, 3) of each camera."""
    taken: dict[str, list[np.ndarray]] = {camera: [] for camera in TASK.type.cameras}
    for row in rows:
        state = demonstration.steps[row].scene
        scene.apply(state.lit(light))
        for camera in TASK.type.cameras:
            taken[camera].append(renderer.render(camera))
    return {camera: np.array(pictures) for camera, pictures in taken.items()}
