# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a bundle's policy.json says: the facts of a policy, checked once and then trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from itertools import groupby
from typing import Any, TypeVar, get_origin

from vla_ros.core.errors import ConfigError, suggest
from vla_ros.policy import integrity
from vla_ros.runtime.session import TensorSpec

FORMAT = 1
BLOCKS = ('vision_encoder', 'llm_backbone', 'action_expert')
MOST_RUNS = 1000  # of a block for one answer
OBSERVED = ('state',)  # arrays that travel beside what the blocks make
JSON_TYPES: dict[Any, tuple[type, ...]] = {  # any other type is an object
    str: (str,),
    int: (int,),
    float: (float, int),
    tuple: (list,),
}
T = TypeVar('T')


@dataclass(frozen=True)
class CameraSpec:
    """One camera of a policy: the picture that it was trained on."""

    name: str  # in topics: camera/<name>/image_raw
    key: str  # in the dataset
    height: int  # px
    width: int  # px
    mean: tuple[float, ...]  # of each channel, R G B, scaled to 0..1
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Take lists for the channels' statistics; check that there are three."""
        integrity.check_names('name', [self.name])
        integrity.check_camera(self.height, self.width, self.mean, self.std)
        for name in ('mean', 'std'):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width of its pictures, px."""
        return self.height, self.width


@dataclass(frozen=True)
class FileSpec:
    """A file beside policy.json."""

    file: str
    sha256: str

    def __post_init__(self) -> None:
        """Check that it can be one."""
        integrity.check_file('file', self.file, self.sha256)


@dataclass(frozen=True)
class BlockSpec:
    """One block of a policy: its file and its arrays."""

    file: str  # beside policy.json
    sha256: str
    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    precision: str = ''  # that a back end which can choose computes in; '' leaves it its own
    runs: int = 1  # for one answer
    answer: FileSpec | None = None  # a known one, to try a back end with

    def __post_init__(self) -> None:
        """Take the JSON form of the arrays; check the file's name and the shapes."""
        integrity.check_file('block', self.file, self.sha256)
        if not 1 <= self.runs <= MOST_RUNS:
            raise ConfigError(f'runs: got {self.runs}, expected 1 to {MOST_RUNS}')
        object.__setattr__(self, 'inputs', _tensors(self.inputs))
        object.__setattr__(self, 'outputs', _tensors(self.outputs))
        if self.answer is not None:
            object.__setattr__(self, 'answer', _build(FileSpec, 'answer', self.answer))

    @property
    def files(self) -> tuple['BlockSpec | FileSpec', ...]:
        """Return the files that it needs."""
        return (self, self.answer) if self.answer else (self,)


@dataclass(frozen=True)
class LanguageSpec:
    """How an instruction becomes what the language model takes."""

    tokenizer: FileSpec  # as the tokenizers library reads it
    embedding: FileSpec  # NumPy's: (tokens, size) float32, as the model takes them
    words: int  # tokens that it takes at most
    prompt: str = 'newline'  # what is made of the instruction: it ends with one

    def __post_init__(self) -> None:
        """Build the nested specifications."""
        for name in ('tokenizer', 'embedding'):
            object.__setattr__(self, name, _build(FileSpec, name, getattr(self, name)))
        if self.words < 1:
            raise ConfigError(f'words: got {self.words}, expected 1 or more')

    @property
    def files(self) -> tuple[FileSpec, ...]:
        """Return the files that it needs."""
        return self.tokenizer, self.embedding


@dataclass(frozen=True)
class FlowSpec:
    """The units in which a flow denoises: normalised = (raw - offset) / scale, zeros beyond."""

    width: int  # values of a row
    offset: tuple[float, ...]  # of each joint, rad
    scale: tuple[float, ...]
    held_rows: int = 0  # at most so many finished rows has it seen in training
    noise_scale: float = 1.0  # of the noise that an answer starts from; 1 as in training
    min_period: float = 4e-3  # of the sines that tell the flow time
    max_period: float = 4.0

    def __post_init__(self) -> None:
        """Take lists of numbers."""
        integrity.check_numbers('offset', self.offset)
        integrity.check_numbers('scale', self.scale, above=0.0)
        integrity.check_numbers('noise_scale', (self.noise_scale,), least=0.0)
        integrity.check_numbers('min_period', (self.min_period,), above=0.0)
        integrity.check_numbers('max_period', (self.max_period,), least=self.min_period)
        for name in ('offset', 'scale'):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))


@dataclass(frozen=True)
class PolicySpec:
    """The facts of a policy; raises ConfigError naming the key that is wrong or missing."""

    name: str
    type: str
    fps: float  # rows of a chunk per second
    chunk_size: int  # rows of a chunk
    instruction: str  # what to do where nobody says otherwise
    joint_names: tuple[str, ...]
    cameras: tuple[CameraSpec, ...]  # in the order of the backbone's features
    statistics: dict[str, Any]
    blocks: dict[str, BlockSpec]
    source: dict[str, Any]  # where the policy comes from, for people
    recipe: dict[str, Any] = field(default_factory=dict)  # how it was quantized; empty: it wasn't
    language: LanguageSpec | None = None  # of a policy that reads the instruction
    flow: FlowSpec | None = None  # of one that denoises
    units: str = ''  # of states and actions: rad, m where a joint slides; '': nobody said

    def __post_init__(self) -> None:
        """Build the nested specifications and check what other code relies on."""
        object.__setattr__(self, 'joint_names', tuple(self.joint_names))
        cameras = (_build(CameraSpec, 'cameras', item) for item in self.cameras)
        object.__setattr__(self, 'cameras', tuple(cameras))
        blocks = {name: _build(BlockSpec, name, item) for name, item in self.blocks.items()}
        object.__setattr__(self, 'blocks', blocks)
        for name, kind in (('language', LanguageSpec), ('flow', FlowSpec)):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _build(kind, name, getattr(self, name)))
        self._check()

    def carried(self, block: str) -> tuple[str, ...]:
        """Return the names of the arrays that travel on after a block: known, and taken later."""
        past, later = self._around(block)
        made = (name for known in (*past, block) for name in self.blocks[known].outputs)
        taken = {name for other in later for name in self.blocks[other].inputs}
        return tuple(name for name in dict.fromkeys((*made, *OBSERVED)) if name in taken)

    def own_inputs(self, block: str) -> frozenset[str]:
        """Return the names of what a block takes and no other gives it: its stage must."""
        past, _ = self._around(block)
        given = {name for other in past for name in self.blocks[other].outputs}
        return frozenset(self.blocks[block].inputs) - given - set(OBSERVED)

    def picture_batches(self) -> list[list[CameraSpec]]:
        """Return the cameras in their order, those together whose pictures are of one size."""
        return [list(batch) for _, batch in groupby(self.cameras, lambda camera: camera.size)]

    def sizes(self, block: str) -> list[dict[str, int]]:
        """
        Return what the named sizes of a block's pictures are, for each of its runs on one look.

        Cameras whose pictures are of one size go through the vision encoder together.
        """
        if block != 'vision_encoder':
            return [{'n': len(self.cameras)}]
        batches = self.picture_batches()
        return [self.picture_sizes(len(batch), batch[0]) for batch in batches]

    def picture_sizes(self, count: int, camera: CameraSpec) -> dict[str, int]:
        """Return the named sizes of so many pictures of a camera, as the vision encoder has it."""
        names = self.blocks['vision_encoder'].inputs['image'].shape
        sizes = zip(names, (count, *camera.size), strict=False)
        return {name: size for name, size in sizes if isinstance(name, str)}

    def _around(self, block: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the blocks before and after one."""
        at = BLOCKS.index(block)
        return BLOCKS[:at], BLOCKS[at + 1 :]

    def _check(self) -> None:
        missing = [name for name in BLOCKS if name not in self.blocks]
        if missing:
            raise ConfigError(f'blocks: got {list(self.blocks)}, expected also {missing}')
        integrity.check_rate(self.fps, self.chunk_size)
        if not self.joint_names or not self.cameras:
            raise ConfigError('joint_names and cameras: got none, expected at least one of each')
        integrity.check_names('joint_names', self.joint_names)
        integrity.check_names('cameras', [camera.name for camera in self.cameras])
        integrity.check_names('cameras: key', [camera.key for camera in self.cameras])
        for camera in self.cameras:
            picture = TensorSpec('uint8', ('n', camera.height, camera.width, 3))
            self._check_input('vision_encoder', 'image', picture, f'camera {camera.name}')
        state = TensorSpec('float32', (1, len(self.joint_names)))
        for block in BLOCKS:
            if 'state' in self.blocks[block].inputs:
                self._check_input(block, 'state', state, 'joint_names')
        self._check_actions()
        integrity.check_statistics(self.statistics, len(self.joint_names))
        integrity.check_units(self.units, self.joint_names, self.statistics)

    def _check_actions(self) -> None:
        """Raise ConfigError where the last block makes other actions than the policy has."""
        chunk = TensorSpec('float32', (1, self.chunk_size, len(self.joint_names)))
        made = self.blocks['action_expert'].outputs.get('actions', chunk)
        if not made.agrees(chunk):
            raise ConfigError(
                f'chunk_size and joint_names: got {self.chunk_size} and {len(self.joint_names)}, '
                f'expected those of {made}, which action_expert makes: an edited file; export the '
                'policy again'
            )

    def _check_input(self, block: str, name: str, spec: TensorSpec, where: str) -> None:
        """Raise ConfigError where a block does not take what the policy is shown."""
        taken = self.blocks[block].inputs.get(name)
        if taken is None or not taken.agrees(spec):
            raise ConfigError(
                f'{where}: got {spec}, expected {taken or "an input " + name} as {block} takes; '
                'a block of another policy, or an edited file: export the policy again'
            )


def policy_spec(content: Any) -> PolicySpec:
    """Return the specification in the parsed policy.json; raise ConfigError for a bad one."""
    version = content.get('format') if isinstance(content, dict) else None
    if type(version) is not int or version != FORMAT:
        newer = type(version) is int and version > FORMAT
        mend = 'it was made for a newer vla_ros: update this one' if newer else integrity.MEND
        raise ConfigError(f'format: got {version!r}, expected {FORMAT}; {mend}')
    return _build(PolicySpec, '', {key: content[key] for key in content if key != 'format'})


def _build(cls: type[T], where: str, content: Any) -> T:
    """Return ``cls`` from a mapping of its fields; those with a default may be left out."""
    if isinstance(content, cls):
        return content
    known = {item.name: _is_needed(item) for item in fields(cls)}  # type: ignore[arg-type]
    prefix = f'{where}: ' if where else ''
    if not isinstance(content, Mapping):
        raise ConfigError(f'{prefix}got {content!r}, expected keys {list(known)}')
    unknown = sorted(set(content) - set(known))
    missing = [name for name in known if known[name] and name not in content]
    if unknown or missing:
        raise ConfigError(
            f'{prefix}got keys {unknown} that are not known and no {missing}, expected '
            f'{list(known)}{suggest(unknown[0], known) if unknown else ""}; {integrity.MEND}'
        )
    for item in fields(cls):  # type: ignore[arg-type]
        if item.name not in content:
            continue
        expected = JSON_TYPES.get(get_origin(item.type) or item.type, (dict,))
        value = content[item.name]
        if not isinstance(value, expected) or isinstance(value, bool):
            text = f'{item.name}: got {value!r}, expected {expected[0].__name__}'
            raise ConfigError(prefix + text)
    try:
        return cls(**content)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{prefix}{error}') from None


def _is_needed(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _tensors(content: Any) -> dict[str, TensorSpec]:
    try:
        return {name: _tensor(name, **item) for name, item in content.items()}
    except (AttributeError, TypeError):
        raise ConfigError(
            f'inputs and outputs: got {content!r}, expected {{name: {{dtype, shape}}}}'
        ) from None


def _tensor(name: str, dtype: str, shape: Sequence[int | str]) -> TensorSpec:
    if isinstance(shape, str | Mapping):
        raise TypeError
    spec = TensorSpec(dtype, tuple(shape))
    integrity.check_tensor(name, spec)
    return spec
