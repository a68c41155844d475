# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a LeRobotDataset v3, out of its videos or its tables; needs the [train] extra."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import find_damage

if TYPE_CHECKING:
    from av.container import InputContainer
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

_NEAR = 1.0  # s up to which it is cheaper to decode what lies between than to seek
_BACK = (0.0, 1.0, 5.0, 25.0)  # s before a picture from which it is decoded; then from the start
CHANNELS = ('channel', 'channels', 'c')  # what the axis of the colours is called


class PictureReader:
    """Reads the pictures of any rows of an opened dataset."""

    def __init__(self, dataset: 'LeRobotDataset') -> None:
        """Read the time of every row."""
        self._meta, self._rows = dataset.meta, dataset.hf_dataset
        self._root, self._fps = Path(dataset.root), float(dataset.fps)
        times = dataset.hf_dataset.with_format('numpy')['timestamp']
        self._times = np.asarray(times, float).ravel()

    def read(self, key: str, index: int, rows: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
        """
        Yield the pictures (height, width, 3) uint8 RGB of a camera in ``rows`` of an episode.

        Rows count from the beginning of the dataset, and ascend. Raise ConfigError for a picture
        that is damaged or not there.
        """
        if key in self._meta.depth_keys:
            raise ConfigError(
                f'dataset {self._root}: {key}: got pictures of depth, expected colours; leave the '
                'camera out of the dataset'
            )
        if key in self._meta.video_keys:
            first = float(self._meta.episodes[index][f'videos/{key}/from_timestamp'])
            path = self._root / self._meta.get_video_file_path(index, key)
            yield from decode(path, [first + self._times[row] for row in rows], self._fps)
            return
        for row in rows:
            try:
                picture = self._rows[int(row)][key]
            except OSError as error:  # of the library that decodes stored pictures
                raise ConfigError(
                    f'dataset {self._root}: {key}: row {row}: the picture cannot be read: '
                    f'{error}; copy the dataset again, or delete its episode'
                ) from None
            if picture is None:
                raise ConfigError(
                    f'dataset {self._root}: {key}: got no picture in row {row}, expected one; '
                    'copy the dataset again, or correct its dtype in meta/info.json: a video?'
                )
            yield to_uint8(picture)


def decode(path: Path, times: Sequence[float], fps: float) -> Iterator[np.ndarray]:
    """
    Yield the pictures (height, width, 3) uint8 RGB of a video that are shown at ``times``, s.

    Raise ConfigError where the video is damaged, too short or of another rate.
    """
    import av

    damage = find_damage(path)
    if damage:
        raise ConfigError(f'video {path}: {damage}')
    try:
        with av.open(str(path)) as container:
            film = _Film(container, 0.5 / fps)
            for time in times:
                frame = film.find(time)
                if frame is None:
                    raise ConfigError(
                        f'video {path}: got no picture at {time:.3f} s, expected one every '
                        f'{1 / fps:.3f} s; copy the dataset again, or record its episode anew'
                    )
                yield frame.to_ndarray(format='rgb24')
    except av.error.FFmpegError as error:
        raise ConfigError(
            f'video {path}: cannot be read: {error.strerror}; copy the dataset again, or record '
            'its episode anew'
        ) from None


class _Film:
    """Finds the frame of a moment, by seeking or in passing."""

    def __init__(self, container: 'InputContainer', tolerance: float) -> None:
        self._container = container
        if not container.streams.video:
            raise ConfigError(f'video {container.name}: got no pictures in it; copy it again')
        self._stream = container.streams.video[0]
        rate = float(self._stream.average_rate or 0.0)  # Hz; where it is higher, others are nearer
        self._tolerance = min(tolerance, 0.5 / rate) if rate else tolerance
        self._stream.thread_type = 'NONE'  # small pictures: threads cost more than they give
        self._seek(0.0)

    def find(self, time: float) -> Any:
        """
        Return the frame that is shown at ``time`` (s), None where there is none.

        After a seek some codecs leave out the pictures that lean on those before the keyframe (in
        HEVC the leading ones of an open group). So what was not met is decoded from further back.
        """
        if not self._at < time <= self._at + _NEAR:
            self._seek(time)
        frame = self._read_to(time)
        for back in _BACK:
            if frame is not None or back > time:
                break
            self._seek(time - back)
            frame = self._read_to(time)
        if frame is None:
            self._seek(0.0)
            frame = self._read_to(time)
        return frame

    def _seek(self, time: float) -> None:
        import av

        self._container.seek(max(0, int(time * av.time_base)))
        self._frames = self._container.decode(self._stream)
        self._at = float('-inf')

    def _read_to(self, time: float) -> Any:
        for frame in self._frames:
            if frame.pts is None:
                continue
            self._at = frame.time
            if frame.time > time - self._tolerance:
                return frame if frame.time <= time + self._tolerance else None
        return None


def to_uint8(picture: Any) -> np.ndarray:
    """Return (height, width, 3) uint8 of LeRobot's picture (3, height, width) from 0 to 1."""
    pixels = np.round(np.asarray(picture) * 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def picture_size(features: dict[str, dict[str, Any]], key: str) -> tuple[int, int]:
    """
    Return height and width of a camera's pictures, whichever of LeRobot's orders they are in.

    Raise ConfigError where they are not in colours.
    """
    shape, names = tuple(features[key]['shape']), list(features[key].get('names') or ())
    named = next((i for i, name in enumerate(names) if str(name).lower() in CHANNELS), None)
    axis = named if named is not None else (0 if shape[0] == 3 and shape[-1] != 3 else 2)
    if len(shape) != 3 or shape[axis] != 3:
        raise ConfigError(
            f'camera {key}: got pictures of shape {shape} ({", ".join(map(str, names))}), '
            'expected height, width and 3 channels (RGB); leave the camera out of the dataset'
        )
    height, width = (size for number, size in enumerate(shape) if number != axis)
    return height, width
