"""Few-shot and zero-shot results with their standard deviation over templates (FLAN, Figure 9)."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MEAN = 'mean over datasets'


def few_shot_lines(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line per result, number of shots and model with both zero-shot and few-shot scores, then their means.

    Args:
      results: lines of the report's table, see `result_lines`.

    Returns:
      Lines with name, shots, exemplars (the mean number that fitted), model, and zero-shot and few-shot mean and std.
    """
    lines = [line for result in results for line in _lines_of(result)]
    kinds = sorted({(line['shots'], line['model']) for line in lines}, key=lambda kind: (kind[0], kind[1] == 'tuned'))
    alike = {kind: [line for line in lines if (line['shots'], line['model']) == kind] for kind in kinds}
    return lines + [_mean_line(*kind, found) for kind, found in alike.items() if len(found) > 1]


def _lines_of(line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for few in line['few_shot']:
        for model, result in few['models'].items():
            if model in line['models']:
                zero = line['models'][model]
                yield {
                    'name': line['name'],
                    'shots': few['shots'],
                    'exemplars': result['exemplars'],
                    'model': model,
                    'zero_shot': (zero['mean'], zero['std']),
                    'few_shot': (result['mean'], result['std']),
                    'paper': line['paper'],
                }


def _mean_line(shots: int, model: str, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def means(way: str) -> tuple[float, ...]:
        return tuple(statistics.mean(values) for values in zip(*(line[way] for line in lines)))

    exemplars = statistics.mean(line['exemplars'] for line in lines)
    both_ways = {way: means(way) for way in ('zero_shot', 'few_shot')}
    return {'name': MEAN, 'shots': shots, 'exemplars': exemplars, 'model': model, 'paper': None} | both_ways
