# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write a policy bundle anew, with each block at the precision that a recipe gives it."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import read_json
from vla_ros.dataset.samples import Sample
from vla_ros.policy.block_inputs import block_inputs, write_answers
from vla_ros.policy.bundle import Bundle, load_bundle, write_policy_json
from vla_ros.policy.integrity import file_sha256
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import BLOCKS, PolicySpec
from vla_ros.quantization.quantizers import Inputs, quantize_block
from vla_ros.quantization.recipe import FEWEST_FRAMES, Recipe
from vla_ros.runtime.backends.table import BACKENDS, DEFAULT, is_here
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.runtime.progress import OnProgress

HEAVY = ('Conv', 'MatMul', 'Gemm', 'FullyConnected')  # in the names of operators
CPU = Placement(
    default=NodePlacement(threads=1, backend=DEFAULT, precision='fp32', cameras='batched')
)


def quantize_bundle(
    bundle: Bundle,
    recipe: Recipe,
    samples: Sequence[Sample],
    output: Path,
    on_progress: OnProgress = lambda done, total: None,
) -> dict[str, dict[str, int]]:
    """
    Write ``bundle`` at the recipe's precisions as the new bundle ``output``.

    Return how many nodes with weights of each block got which precision. ``samples`` calibrate
    int8_static and int4_weights. Raise ConfigError, and leave nothing behind, where the recipe
    doesn't fit the policy, where the samples don't, and where the result does not load in ONNX
    Runtime, or not in the back end that it is made for; that is tried where it is installed.
    """
    if output.exists():
        raise ConfigError(f'{output}: is there already; remove it, or name another folder')
    if bundle.spec.recipe:
        raise ConfigError(
            f'{bundle.path}: is quantized already, by {bundle.spec.recipe.get("name")}; '
            'start from the bundle at fp32'
        )
    if recipe.type not in ('', bundle.spec.type):
        raise ConfigError(
            f'{recipe.name}: got a recipe for policies of type {recipe.type}, expected one for '
            f'{bundle.spec.type}, which {bundle.spec.name} is'
        )
    partial = output.with_name(f'{output.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for file in filter(Path.is_file, bundle.path.iterdir()):
            shutil.copyfile(file, partial / file.name)  # without its rights: it may be read-only
        counts = _quantize_blocks(bundle, recipe, samples, partial, on_progress)
        _write_json(bundle, recipe, partial, output.name, len(samples))
        if samples:  # pictures of noise are beyond what 8-bit activations are calibrated for
            write_answers(bundle, samples[0], partial)
        on_cpu(load_bundle(partial))
        _check_target(load_bundle(partial), recipe)
        os.replace(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return counts


def on_cpu(bundle: Bundle) -> Policy:
    """Return the policy on one thread of ONNX Runtime's CPU provider, whatever it is made for."""
    return Policy(bundle, CPU)


def kernels(bundle: Bundle, block: str, inputs: Inputs) -> Counter[str]:
    """
    Return how many products and convolutions the back end computes with which operator.

    That is what came of a recipe: QLinearConv where a convolution is in 8 bit, Conv where the
    back end took it back to float. Raise ConfigError where the back end is not here.
    """
    placement = NodePlacement(threads=1)
    sizes = bundle.spec.sizes(block)[0]  # inputs are those of the first run
    session = bundle.open(block, placement, sizes, profiling=True)
    session.run(inputs)
    told = BACKENDS[session.facts['backend'].partition(' ')[0]].names_precision
    return Counter(
        f'{layer.operator} {layer.kernel}' if told else layer.operator
        for layer in session.layers()
        if any(word in layer.operator for word in HEAVY)
    )


def bundle_size(bundle: Bundle) -> int:
    """Return the bytes of the blocks' files."""
    return sum((bundle.path / block.file).stat().st_size for block in bundle.spec.blocks.values())


def check_samples_fit(spec: PolicySpec, samples: Sequence[Sample]) -> None:
    """Raise ConfigError where observations are not such as the policy takes."""
    for camera in spec.cameras:
        expected = (camera.height, camera.width, 3)
        shapes = {sample.images[camera.name].shape for sample in samples}
        if shapes - {expected}:
            raise ConfigError(
                f'camera {camera.name}: got pictures {sorted(shapes)} in the dataset, expected '
                f'{expected}, which the bundle is made for; take the dataset that the policy was '
                'trained on, or export a policy for these pictures'
            )
    widths = {len(sample.state) for sample in samples}
    if widths - {len(spec.joint_names)}:
        raise ConfigError(
            f'state: got {sorted(widths)} joints in the dataset, expected '
            f'{len(spec.joint_names)}; take the dataset that the policy was trained on'
        )


def _quantize_blocks(
    bundle: Bundle,
    recipe: Recipe,
    samples: Sequence[Sample],
    folder: Path,
    on_progress: OnProgress,
) -> dict[str, dict[str, int]]:
    check_samples_fit(bundle.spec, samples)
    if recipe.calibrated and len(samples) < FEWEST_FRAMES:
        raise ConfigError(
            f'{recipe.name}: got {len(samples)} frames to calibrate '
            f'{", ".join(recipe.calibrated)} on, expected at least {FEWEST_FRAMES}; name a '
            'dataset with --dataset'
        )
    inputs = block_inputs(bundle, samples, on_cpu) if recipe.calibrated else {}
    counts = {}
    changed = [name for name in BLOCKS if recipe.block(name).used - {'fp32', 'bf16'}]
    for number, name in enumerate(changed):
        on_progress(number, len(changed))
        block, file = recipe.block(name), bundle.spec.blocks[name].file
        chosen = quantize_block(
            bundle.path / file,
            folder / file,
            block,
            recipe.calibration,
            inputs.get(name, []),
            f'{recipe.name}: {name}',
        )
        precisions = list(chosen.values())
        counts[name] = {item: precisions.count(item) for item in sorted(set(precisions))}
    return counts


def _check_target(bundle: Bundle, recipe: Recipe) -> None:
    """
    Load each block in the recipe's back end; raise ConfigError naming the one that does not.

    The float parts compute in fp32 here: a bundle can be made for a machine that has bf16.
    """
    if recipe.target == DEFAULT or not is_here(recipe.target):
        return  # that one did load it, or it has to be believed
    placement = NodePlacement(threads=1, backend=recipe.target, precision='fp32')
    for name, block in bundle.spec.blocks.items():
        try:
            for sizes in bundle.spec.sizes(name):
                bundle.open(name, placement, sizes)
        except ConfigError as error:
            reason = str(error).removeprefix(f'{bundle.path / block.file}: ')
            raise ConfigError(f'{recipe.name}: {name}: {reason}') from None


def _write_json(bundle: Bundle, recipe: Recipe, folder: Path, name: str, frames: int) -> None:
    """Write policy.json: the old one, with the new files, their precisions and the recipe."""
    content: dict[str, Any] = read_json(folder / 'policy.json')
    for block, facts in content['blocks'].items():
        facts['sha256'] = file_sha256(folder / facts['file'])
        if recipe.target != DEFAULT:
            facts['precision'] = recipe.block(block).runtime_precision
    content['name'] = name
    content['recipe'] = {**recipe.as_dict(), 'source': bundle.spec.name, 'frames': frames}
    write_policy_json(folder, content)
