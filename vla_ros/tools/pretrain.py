# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teach a policy's vision encoder what its pictures show: where each thing is and how it is turned.

Learns from the labelled pictures of vla_ros generate --arrays, and stands in for pretrained
weights: `vla_ros train --start OUTPUT` goes on from there. An interrupted run goes on when the
same command is given again.
"""

from argparse import ArgumentParser, Namespace

from vla_ros.core.errors import ConfigError
from vla_ros.tools.arguments import command, existing, made, tell_end


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    from vla_ros.train.families.registry import DEFAULT, FAMILIES

    add, default = parser.add_argument, '(default %(default)s)'
    add(
        '--dataset',
        type=existing,
        action='extend',
        nargs='+',
        required=True,
        metavar='FOLDER',
        help='arrays of demonstrations or scenes; may be given several times, and the first one '
        'that has actions says what the policy normalises with',
    )
    add(
        '--test',
        type=existing,
        action='extend',
        nargs='+',
        default=[],
        metavar='FOLDER',
        help='arrays to measure on, and not to learn from; may be given several times',
    )
    add('--output', type=made, required=True, metavar='FOLDER', help='the checkpoint to write')
    add(
        '--start',
        '--checkpoint',
        type=existing,
        metavar='CHECKPOINT',
        help='an ACT or a SmolVLA (default: a new one)',
    )
    add(
        '--policy-type',
        '--policy',
        choices=FAMILIES,
        default=DEFAULT,
        help=f'of a new one {default}',
    )
    add('--vlm', metavar='NAME', help="a new SmolVLA's vision-language model: small, or a folder")
    add('--minutes', type=float, default=30.0, help=f'to learn for {default}')
    add('--steps', type=int, help='end after so many steps, if that is sooner')
    add('--learning-rate', type=float, default=1e-3, help=f'the highest {default}')
    add('--batch-size', type=int, default=16, help=f'frames of a step {default}')
    add('--encoder-layers', type=int, default=2, help=f"of a new ACT's transformer {default}")
    add(
        '--freeze-normalisation',
        action='store_true',
        help='normalise with the values of --start, as is always done where sizes differ',
    )
    add('--evaluate-every', type=int, default=500, metavar='STEPS', help=f'steps {default}')
    add('--device', default='cpu', help=f'cpu or cuda {default}')
    add('--seed', type=int, default=0, help=default)
    add('--threads', type=int, help='threads of the CPU (default: as many as torch takes)')


def run(args: Namespace) -> int:
    """Teach and write."""
    from vla_ros.dataset.arrays import ArrayDataset
    from vla_ros.train.array_data import ArrayMeta, array_frames
    from vla_ros.train.checkpoint import dataset_facts, new_checkpoint, start_checkpoint
    from vla_ros.train.families.family import family_of
    from vla_ros.train.pretrain import pretrain
    from vla_ros.train.training_plan import TrainingPlan

    if args.output.exists():
        raise ConfigError(f'{args.output}: exists already; name another folder, or remove it')
    datasets = [ArrayDataset(root) for root in args.dataset]
    metas = [ArrayMeta(data) for data in datasets if data.acted]
    if not metas:
        raise ConfigError('--dataset: got scenes alone, expected demonstrations among them')
    chosen = {'n_encoder_layers': args.encoder_layers, 'vlm': args.vlm}
    size = family_of(args.policy_type).size(chosen)
    checkpoint = (
        start_checkpoint(args.start, metas, args.device, args.vlm)
        if args.start
        else new_checkpoint(metas, size, args.device, args.seed)
    )
    plan = TrainingPlan(
        steps=args.steps,
        minutes=args.minutes,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        warmup=50,
        evaluate_every=args.evaluate_every,
        freeze_normalisation=args.freeze_normalisation,
        seed=args.seed,
        threads=args.threads,
    )
    args.output.parent.mkdir(parents=True, exist_ok=True)
    state = args.output.with_name(args.output.name + '.state.pt')
    pretrain(
        checkpoint,
        [frames for data in datasets for frames in array_frames(data, acted=False)],
        {root.name: array_frames(ArrayDataset(root), acted=False) for root in args.test},
        plan,
        state,
        lambda text: print(text, flush=True),
    )
    checkpoint.save(args.output, dataset_facts(metas))
    state.unlink(missing_ok=True)
    acted = next(data for data in datasets if data.acted).root
    following = 'vla_ros train --start {} --dataset {} --output runs/{} --minutes 120'
    tell_end(following=command(following, args.output, acted, args.output.name))
    return 0
