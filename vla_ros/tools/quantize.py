# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Write a policy bundle with each block at the precision that a recipe gives it.

Static 8-bit activations and 4-bit weights are calibrated on frames of the dataset. Prints the size
of each block, and how far the actions of the new bundle are from those of the old one, on other
frames of the dataset.
"""

import logging
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from typing import TYPE_CHECKING

from vla_ros.core.config import config_names, find_config
from vla_ros.core.defaults import POLICY
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_json
from vla_ros.runtime.backends.table import DEFAULT
from vla_ros.runtime.progress import progress
from vla_ros.tools.arguments import (
    add_json,
    add_units,
    chosen_robot,
    command,
    existing,
    made,
    repeated,
    tell_end,
)

if TYPE_CHECKING:  # ONNX is loaded when the command runs
    from vla_ros.policy.bundle import Bundle
    from vla_ros.policy.pipeline import Policy
    from vla_ros.quantization.quantizers import Inputs
    from vla_ros.quantization.recipe import Recipe

_CHECKED = 16  # frames that old and new are compared on
_FAR = 0.1  # of the actions' spread: no longer the same policy


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    recipes = ', '.join(config_names('recipes'))
    parser.add_argument('--policy', default=POLICY, help='bundle at fp32: name or folder')
    parser.add_argument('--recipe', required=True, help=f'a file, or one of {recipes}')
    parser.add_argument(
        '--dataset',
        type=existing,
        required=True,
        metavar='FOLDER',
        help='a LeRobotDataset v3 with the pictures that the policy sees; vla_ros generate makes '
        'one in simulation',
    )
    parser.add_argument('--output', type=made, required=True, help='folder of the new bundle')
    parser.add_argument(
        '--frames', type=int, help="frames of it to calibrate on (default: the recipe's number)"
    )
    add_units(parser)
    add_json(parser, 'size and error')


def run(args: Namespace) -> int:
    """Quantize, compare and print."""
    from vla_ros.dataset.samples import read_samples
    from vla_ros.policy.block_inputs import block_inputs
    from vla_ros.policy.bundle import load_bundle
    from vla_ros.quantization.compare import action_error, predict_all
    from vla_ros.quantization.quantize import bundle_size, on_cpu, quantize_bundle

    if args.output.exists():  # before frames are read
        raise ConfigError(f'{args.output}: is there already; remove it, or name another folder')
    bundle = load_bundle(find_config('policies', args.policy))
    recipe = _recipe(args)
    known = {'units': args.units, 'robot': chosen_robot(args)}
    count = recipe.calibration.frames if recipe.calibrated else 0
    samples = read_samples(args.dataset, bundle.spec, count, **known)
    seen = read_samples(args.dataset, bundle.spec, _CHECKED, offset=0.0, **known)
    with progress('block') as on_progress:
        counts = quantize_bundle(bundle, recipe, samples, args.output, on_progress)
    written = load_bundle(args.output)
    inputs = block_inputs(bundle, seen[:1], on_cpu)
    for block in bundle.spec.blocks:
        print(_block_line(block, bundle, written, counts.get(block, {})))
        if counts.get(block) or written.spec.blocks[block].precision not in ('', 'fp32'):
            print(f'  {_computed(written, block, inputs[block][0])}')
    made, where = _as_made(written)
    old, new = predict_all(on_cpu(bundle), seen), predict_all(made, seen)
    error = action_error(old, new, bundle.spec)
    joints = zip(bundle.spec.joint_names, error.bias, strict=True)
    joint, bias = max(joints, key=lambda item: abs(item[1]))
    print(
        f'{args.output}: written; {where}, actions differ by {error.mae:.4f} of their spread '
        f'(root mean square {error.rms:.4f}), {error.worst:.4f} on the worst of {error.samples} '
        f'frames, at most {error.radians:.3f} rad; {joint} is off by {bias:+.4f} rad on average'
    )
    if error.mae > _FAR:
        logging.getLogger(__name__).warning(
            f'{args.output}: got actions that differ by {error.mae:.2f} of their spread, expected '
            f'below {_FAR}: that is another policy. `vla_ros sensitivity` says which block makes '
            'the difference; give it another precision'
        )
    if args.json:
        write_json(
            args.json,
            {
                'policy': bundle.spec.name,
                'recipe': written.spec.recipe,
                'size': {'before': bundle_size(bundle), 'after': bundle_size(written)},
                'error': error.as_dict(),
            },
        )
    following = command('vla_ros replay recordings --policy {}', args.output)
    tell_end((args.json,), following + repeated(args, 'robot'))
    return 0


def _recipe(args: Namespace) -> 'Recipe':
    """Return the recipe, with the number of frames that was asked for."""
    from vla_ros.quantization.recipe import load_recipe

    recipe = load_recipe(find_config('recipes', args.recipe))
    if args.frames is None:
        return recipe
    try:
        return replace(recipe, calibration=replace(recipe.calibration, frames=args.frames))
    except ConfigError as error:
        raise ConfigError(f'--{error}') from None


def _as_made(bundle: 'Bundle') -> 'tuple[Policy, str]':
    """Return the policy in the back end that it is made for, else in ONNX Runtime; say which."""
    from vla_ros.policy.pipeline import Policy
    from vla_ros.quantization.quantize import on_cpu
    from vla_ros.runtime.placement import NodePlacement, Placement

    target = bundle.spec.recipe['target']
    try:
        return Policy(bundle, Placement(default=NodePlacement(threads=1))), f'on {target}'
    except ConfigError:
        return on_cpu(bundle), f'on {DEFAULT} at fp32, for {target} does not run it here'


def _computed(bundle: 'Bundle', block: str, inputs: 'Inputs') -> str:
    """Say what the back end computes the block with, or why it doesn't here."""
    from vla_ros.quantization.quantize import kernels

    try:
        found = kernels(bundle, block, inputs)
    except ConfigError as error:
        return f'does not run on this machine: {error}'
    return 'computed by: ' + ', '.join(f'{count} {name}' for name, count in found.items())


def _block_line(block: str, old: 'Bundle', new: 'Bundle', counts: dict[str, int]) -> str:
    before, after = (
        (item.path / item.spec.blocks[block].file).stat().st_size / 1e6 for item in (old, new)
    )
    layers = ', '.join(f'{count} at {precision}' for precision, count in counts.items())
    told = new.spec.blocks[block].precision
    return f'{block}: {before:.1f} -> {after:.1f} MB; layers: {layers or told or "as they were"}'
