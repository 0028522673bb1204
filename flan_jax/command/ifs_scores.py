"""Prints the scores of `flan-jax ifs`: for a file of answers, the records of a run, or answers to ObjecQA."""

import argparse
import json
import pathlib
from collections.abc import Mapping, Sequence

from rich.table import Table

from flan_jax.command import endpoint_options
from flan_jax.command.ifs_curve import instructions_in, rows_of
from flan_jax.command.tables import print_table
from flan_jax.errors import UserError
from flan_jax.files import write_whole
from flan_jax.progress import CONSOLE, bar


def of_answers(path: pathlib.Path, data: pathlib.Path, classifier) -> None:
    """Prints the score of answers to the instructions of `ifs data`, in total and for each kind of prompt."""
    from flan_jax.evaluation.instruction_following.score import instruction_following

    kinds = {row['prompt']: row['kind'] for row in instructions_in(data)}
    answers = rows_of(path, ('prompt', 'answer'))
    if unknown := [row['prompt'] for row in answers if row['prompt'] not in kinds]:
        raise UserError(f'{path}: the prompt {unknown[0][:80]!r} is not in {data}')
    texts = [row['answer'] for row in answers]
    _print_shares(instruction_following(classifier, texts, [kinds[row['prompt']] for row in answers]))


def of_records(root: pathlib.Path, classifier) -> None:
    """Prints the score of every dataset to which a run's models generated answers, over all its templates.

    Raises:
      UserError: for a folder without records of generated answers.
    """
    from flan_jax.evaluation import records
    from flan_jax.evaluation.judges.instruction_following import InstructionFollowing

    judge = InstructionFollowing(classifier)
    table = Table('model', 'dataset', 'IFS, %', '95 % interval', 'answers', box=None)
    for model in records.models_in(root):
        for folder in records.folders_in(records.model_folder(root, model)):
            for name, templates in _written(folder).items():
                score = sum(judge.scores(found)[judge.headline] for found in templates) / len(templates)
                low, high = judge.interval(templates)
                count = sum(map(len, templates))
                table.add_row(model, name, f'{score:.1f}', f'{low:.1f} to {high:.1f}', str(count))
    if not table.row_count:
        raise UserError(
            f'{root}: contains no records of generated answers; run `flan-jax evaluate` on datasets without options'
        )
    print_table(table)


def _written(folder) -> dict[str, list[Sequence[Mapping]]]:
    """The records of a dataset's folder by dataset, variant, shots and split, a list for each template."""
    from flan_jax.evaluation import records

    found: dict[str, list[Sequence[Mapping]]] = {}
    for key in records.sound(folder):
        of_template = records.read(folder, key)
        if all('prediction' in record for record in of_template):
            shots = f'{key.shots} shots' if key.shots else ''
            name = ' '.join(filter(None, (key.dataset, key.variant, key.split, shots)))
            found.setdefault(name, []).append(of_template)
    return found


def objecqa(options: argparse.Namespace) -> None:
    """Writes the questions, or prints the share of answers that state no choice; raises UserError for other prompts."""
    from flan_jax.evaluation.instruction_following.objecqa import is_objective, questions
    from flan_jax.evaluation.instruction_following.score import share_of

    known = {choice.question: choice for choice in questions()}
    if options.questions:
        write_whole(options.questions, ''.join(json.dumps({'prompt': question}) + '\n' for question in known))
        CONSOLE.print(f'{options.questions}: {len(known)} questions')
        return
    answers = rows_of(options.answers, ('prompt', 'answer'))
    if unknown := [row['prompt'] for row in answers if row['prompt'] not in known]:
        raise UserError(
            f'{options.answers}: {unknown[0][:80]!r} is not a question of ObjecQA; write its questions with '
            '`flan-jax ifs objecqa --questions=FILE`'
        )
    if not answers:
        raise UserError(f'{options.answers}: contains no answers')
    if options.endpoint:
        _ask(options, answers)
        return
    _print_shares({'ObjecQA': share_of([is_objective(known[row['prompt']], row['answer']) for row in answers])})
    CONSOLE.print(
        'Judged by our own rules on words that hedge and words that choose, with 75 % accuracy on 24 test '
        'answers that were written after the rules. The paper uses GPT-3.5 as judge; for such a judge, use '
        '--endpoint=URL'
    )


def _ask(options: argparse.Namespace, answers: Sequence[Mapping]) -> None:
    """Prints the share of answers that a model behind an endpoint calls objective, and writes its replies.

    Raises:
      UserError: if no reply names either class.
    """
    from flan_jax.evaluation.instruction_following.score import share_of
    from flan_jax.evaluation.judges.objectivity import Objectivity
    from flan_jax.evaluation.judges.single import Answer

    asked = [Answer(row['prompt'], row['answer']) for row in answers]
    with endpoint_options.client(options) as client, bar('judging', len(asked)) as advance:
        judge = Objectivity(client, advance)
        ratings = judge.ratings(asked)
    if options.output:
        records = (rating.as_record(judge.recipe) for rating in ratings)
        write_whole(options.output, ''.join(json.dumps(record, ensure_ascii=False) + '\n' for record in records))
        CONSOLE.print(f'written to {options.output}', markup=False)
    hits = [rating.value == 1 for rating in ratings if rating.value is not None]
    if not hits:
        raise UserError(
            f'the judge called none of {len(ratings)} answers objective or subjective; see --output for its replies'
        )
    _print_shares({'ObjecQA': share_of(hits)})
    if unread := len(ratings) - len(hits):
        CONSOLE.print(f'{unread} of {len(ratings)} answers were called neither, and do not count')


def _print_shares(shares: Mapping) -> None:
    table = Table('', 'score', '95 % interval', 'responses', box=None)
    for name, share in shares.items():
        table.add_row(name, f'{share.value:.3f}', f'{share.low:.3f} to {share.high:.3f}', str(share.count))
    print_table(table)
