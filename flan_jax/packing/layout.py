"""The arrays of packed sequences: positions, masks and targets, derived from the trees, for training and scoring.

Shape letters: B sequences, T tokens, P predicted tokens, R responses.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from flan_jax.packing.example import Example


@dataclasses.dataclass(frozen=True)
class Shape:
    """Sizes of a batch's arrays.

    Attributes:
      batch_size: B; missing sequences are padding.
      length: T, at least the tokens of the longest sequence.
      predicted: P, at least the response tokens of any sequence.
      responses: R, at least the responses of any sequence; 0 to omit the arrays [B, R].
    """

    batch_size: int
    length: int
    predicted: int
    responses: int = 0


def lay_out(
    sequences: Sequence[Sequence[Example]], shape: Shape, *, first_position: int = 0, read_last: bool = True
) -> dict[str, np.ndarray]:
    """The arrays of a batch.

    Args:
      sequences: up to B sequences of examples.
      shape: sizes of the arrays.
      first_position: position of the first token of every prompt.
      read_last: whether the last token of each response, from which nothing is predicted, is an input as well.

    Returns:
      Arrays by name:
        tokens, positions, segment_ids, segment_exits: int32 [B, T], see `flan_jax.model.inputs`.
        task_ids: int32 [B, T], the task of each token.
        predict_at, labels: int32 [B, P]; labels[b, p] is predicted from the token at index predict_at[b, p].
        weights: float32 [B, P], loss weights; 0 for padding.
        response_ids: int32 [B, P], index within the sequence of the response that a label belongs to.
        tasks: int32 [B, P], the task of each label.
      If R is not 0, also:
        example_ids: int32 [B, R], index within the sequence of the response's example; -1 for padding.
        every annotation: float32 [B, R]; 0 for padding.
        response_ends (if `read_last`): int32 [B, R], index in the sequence of a response's last token; 0 for padding.
    """
    token_columns = ('tokens', 'positions', 'segment_ids', 'segment_exits', 'task_ids')
    tokens = dict.fromkeys(token_columns, (shape.length, np.int32))
    targets = dict.fromkeys(('predict_at', 'labels', 'response_ids', 'tasks'), (shape.predicted, np.int32))
    columns = tokens | targets | {'weights': (shape.predicted, np.float32)}
    batch = {name: np.zeros((shape.batch_size, size), dtype) for name, (size, dtype) in columns.items()}
    batch['segment_exits'] += 1  # padding is a piece with entry 0 and exit 1
    for index, examples in enumerate(sequences):
        for name, column in _columns(examples, first_position, read_last).items():
            batch[name][index, : len(column)] = column
    if not shape.responses:
        return batch
    return batch | _per_response(sequences, shape) | (_response_ends(sequences, shape) if read_last else {})


def _columns(examples: Sequence[Example], first_position: int, read_last: bool) -> dict[str, np.ndarray]:
    """The columns of one sequence."""
    pieces, targets, enter, used = [], [], 1, 0
    for example in examples:
        chain = len(example.responses) == 1
        last = enter if chain else enter + len(example.responses)
        pieces.append((example.prompt, first_position, enter, last + 1, example.task))
        end_of_prompt = used + len(example.prompt) - 1
        used += len(example.prompt)
        for number, response in enumerate(example.responses, start=1):
            read = response if read_last else response[:-1]
            piece = enter if chain else enter + number
            pieces.append((read, first_position + len(example.prompt), piece, piece + 1, example.task))
            targets.append((response, [end_of_prompt, *range(used, used + len(response) - 1)], example, number - 1))
            used += len(read)
        enter = last + 1
    lengths = [len(piece) for piece, *_ in pieces]
    starts, enters, exits, tasks = (np.repeat(column, lengths) for column in list(zip(*pieces))[1:])
    offsets = np.arange(used) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    sizes = [len(labels) for labels, *_ in targets]
    return {
        'tokens': np.concatenate([piece for piece, *_ in pieces]),
        'positions': starts + offsets,
        'segment_ids': enters,
        'segment_exits': exits,
        'task_ids': tasks,
        'predict_at': np.concatenate([predict_at for _, predict_at, *_ in targets]),
        'labels': np.concatenate([labels for labels, *_ in targets]),
        'response_ids': np.repeat(np.arange(len(targets)), sizes),
        'tasks': np.repeat([example.task for *_, example, _ in targets], sizes),
        'weights': np.concatenate(
            [np.ones(len(labels)) if ex.weights is None else ex.weights[k] for labels, _, ex, k in targets]
        ),
    }


def _per_response(sequences: Sequence[Sequence[Example]], shape: Shape) -> dict[str, np.ndarray]:
    """The annotations of every response, and the index of its example."""
    names = sequences[0][0].annotations if sequences else ()
    size = (shape.batch_size, shape.responses)
    batch = {name: np.zeros(size, np.float32) for name in names} | {'example_ids': np.full(size, -1, np.int32)}
    for index, examples in enumerate(sequences):
        counts = [len(example.responses) for example in examples]
        batch['example_ids'][index, : sum(counts)] = np.repeat(np.arange(len(examples)), counts)
        for name in names:
            batch[name][index, : sum(counts)] = np.concatenate([example.annotations[name] for example in examples])
    return batch


def _response_ends(sequences: Sequence[Sequence[Example]], shape: Shape) -> dict[str, np.ndarray]:
    """The index in the sequence of the last token of every response."""
    ends_BxR = np.zeros((shape.batch_size, shape.responses), np.int32)
    for index, examples in enumerate(sequences):
        pieces = [(len(piece), piece is not ex.prompt) for ex in examples for piece in (ex.prompt, *ex.responses)]
        lengths, is_response = map(np.array, zip(*pieces))
        ends = (np.cumsum(lengths) - 1)[is_response]
        ends_BxR[index, : len(ends)] = ends
    return {'response_ends': ends_BxR}
