# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Split a LeRobot checkpoint into the blocks of a policy bundle.

Writes vision_encoder.onnx, backbone.onnx, action_expert.onnx and policy.json, and only where the
blocks, one after the other, give the same actions as the torch policy.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vla_ros.core.errors import ConfigError
from vla_ros.tools.arguments import (
    add_units,
    chosen_robot,
    command,
    existing,
    made,
    repeated,
    tell_end,
)

if TYPE_CHECKING:
    from vla_ros.train.checkpoint import Checkpoint, DatasetFacts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add(
        '--checkpoint',
        '--start',
        type=existing,
        required=True,
        metavar='FOLDER',
        help="a LeRobot policy: its 'pretrained_model' folder",
    )
    add(
        '--blend',
        type=existing,
        metavar='FOLDER',
        help='the checkpoint that it was trained on from: the bundle gets weights between the two',
    )
    add(
        '--blend-share',
        type=float,
        default=0.5,
        help="of --blend's weights, 0 to 1 (default %(default)s)",
    )
    add(
        '--output',
        type=made,
        required=True,
        metavar='FOLDER',
        help="the bundle to write; its name is the policy's",
    )
    add(
        '--dataset',
        type=existing,
        metavar='FOLDER',
        help='the LeRobotDataset v3 that it was trained on: joint names, rate, instruction and '
        'sizes of the pictures, and observations to compare on (not needed for what `vla_ros '
        'train` trained, nor where lerobot-train did and the data are on this machine)',
    )
    add_units(parser)
    add('--joint-names', nargs='+', metavar='NAME', help="instead of the dataset's")
    add('--fps', type=float, help="actions per second, instead of the dataset's")
    add('--instruction', help="what the policy does, instead of the dataset's")
    add(
        '--words',
        type=int,
        help='tokens of an instruction that a policy with language reads, to be faster where all '
        'instructions are short (default: as many as it was trained with)',
    )
    add(
        '--noise-scale',
        type=float,
        default=1.0,
        help='of the noise that a flow policy starts from: 1 as it was trained, less for answers '
        'that scatter less, 0 for always the same one (default %(default)s)',
    )
    add(
        '--average-untaught-words',
        action='store_true',
        help='of a language model that was trained from nothing: words that its data never say '
        'read as the mean of those that they say, and not as the noise that they began with',
    )
    add('--vlm', metavar='FOLDER', help="SmolVLA's vision-language model, if not from the hub")


def run(args: argparse.Namespace) -> int:
    """Write the bundle and print how exact it is."""
    from vla_ros.train.checkpoint import blend, load_checkpoint
    from vla_ros.train.export import dataset_observations, export
    from vla_ros.train.families.family import family_of
    from vla_ros.train.families.split import SplitOptions
    from vla_ros.train.frames import STATE
    from vla_ros.train.units import find_conversions, in_rad

    checkpoint = load_checkpoint(args.checkpoint, vlm=args.vlm)
    facts = _facts(args)
    _show(checkpoint, args)
    seen = dataset_observations(args.dataset) if args.dataset else []
    source = {'checkpoint': args.checkpoint.resolve().name, 'units': args.units or 'rad'}
    if args.blend:
        blend(checkpoint, load_checkpoint(args.blend, vlm=args.vlm), args.blend_share)
        source['blend'] = f'{args.blend_share:g} of {args.blend.resolve().name}'
    if args.average_untaught_words:
        family = family_of(checkpoint.policy.config.type)
        count = family.average_untaught_words(checkpoint, facts.instructions)
        source['untaught words'] = f'{count} tokens, averaged'
    ways = find_conversions(checkpoint, args.units, facts.joint_names, chosen_robot(args))
    checkpoint = in_rad(checkpoint, ways)
    seen = [item._replace(state=ways[STATE](item.state)) for item in seen]
    options = SplitOptions(noise_scale=args.noise_scale, words=args.words)
    difference = export(checkpoint, facts, args.output, seen, source, options=options)
    print(f'{args.output}: written; the blocks differ from torch by at most {difference:.1e}')
    following = command('vla_ros replay recordings --policy {}', args.output)
    tell_end(following=following + repeated(args, 'robot'))
    return 0


def _facts(args: argparse.Namespace) -> 'DatasetFacts':
    """Return the facts of the dataset or beside the checkpoint, with what the user sets."""
    from vla_ros.dataset.lerobot import open_dataset
    from vla_ros.train.checkpoint import DatasetFacts, dataset_facts, holds_facts, load_facts

    names = tuple(args.joint_names or ())
    args.dataset = args.dataset or _find_dataset(args)
    if args.dataset:
        known = dataset_facts([open_dataset(args.dataset).meta])
    elif names and args.fps:
        known = DatasetFacts(args.fps, names, '', ())
    else:
        known = load_facts(args.checkpoint)
    if args.dataset and holds_facts(args.checkpoint):
        trained = load_facts(args.checkpoint)
        known = replace(known, held_rows=trained.held_rows).after(trained)
    return replace(
        known,
        fps=args.fps or known.fps,
        joint_names=names or known.joint_names,
        instruction=args.instruction or known.instruction,
    )


def _find_dataset(args: argparse.Namespace) -> Path | None:
    """
    Return the dataset that a checkpoint of LeRobot's names, where the user names none.

    Raise ConfigError where it is not on this machine, and nothing else says what it holds.
    """
    from vla_ros.train.checkpoint import holds_facts
    from vla_ros.train.origins import read_origin

    origin = None if holds_facts(args.checkpoint) else read_origin(args.checkpoint)
    if origin is None or origin.is_here:
        if origin:
            print(f'dataset: {origin.root}, as train_config.json of the checkpoint says')
        return origin and origin.root
    if origin.tuned or not (args.joint_names and args.fps):
        raise ConfigError(
            f'checkpoint {args.checkpoint}: was trained on {origin.dataset}, which is not at '
            f'{origin.root}, expected it for what the checkpoint does not say: joint names, rate, '
            'sizes of the pictures; copy it to this machine and give its folder: --dataset FOLDER'
        )
    return None


def _show(checkpoint: 'Checkpoint', args: argparse.Namespace) -> None:
    """Have the policy's inputs be those of its data; say which cameras these do not have."""
    from vla_ros.dataset.lerobot import read_features
    from vla_ros.train.origins import show

    for key in show(checkpoint, read_features(args.dataset) if args.dataset else {}):
        print(f'{key}: was in none of the data; the policy goes without it, as in LeRobot')
