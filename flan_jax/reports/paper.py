"""The results that FLAN prints, to stand beside ours (Wei et al. 2022, Tables 1 and 2)."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class PaperResult:
    """One row of Table 1 or 2, in per cent.

    Attributes:
      metric: what is scored.
      base: base LaMDA-PT, zero-shot.
      mean: FLAN zero-shot, mean over templates.
      std: its standard deviation over templates.
      best_dev: FLAN zero-shot, best template on dev; None where there is no dev set.
      gpt3: GPT-3 zero-shot; None where it is not given.
      base_few_shot: base LaMDA-PT, few-shot.
      few_shot_mean: FLAN few-shot, mean over templates.
      few_shot_std: its standard deviation over templates.
      shots: exemplars in FLAN's few-shot prompts.
    """

    metric: str
    base: float
    mean: float
    std: float
    best_dev: float | None
    gpt3: float | None
    base_few_shot: float
    few_shot_mean: float | None
    few_shot_std: float | None
    shots: int | None


PAPER: dict[str, PaperResult] = {
    # Table 1. For struct-to-text the ROUGE-1 rows; DART's base few-shot cell repeats another's in the paper.
    'wmt14_enfr en-fr': PaperResult('BLEU', 11.2, 32.9, 1.1, 33.9, 25.2, 31.5, 33.9, 0.2, 9),
    'wmt14_enfr fr-en': PaperResult('BLEU', 7.2, 35.5, 1.3, 35.9, 21.2, 34.7, 38.0, 0.1, 9),
    'wmt16_translate_deen en-de': PaperResult('BLEU', 7.7, 25.4, 1.8, 27.0, 24.6, 26.7, 26.8, 0.4, 11),
    'wmt16_translate_deen de-en': PaperResult('BLEU', 20.8, 38.9, 0.3, 38.9, 27.2, 36.8, 40.6, 0.1, 11),
    'wmt16_translate_roen en-ro': PaperResult('BLEU', 3.5, 16.7, 1.6, 18.9, 14.1, 22.9, 20.5, 0.1, 9),
    'wmt16_translate_roen ro-en': PaperResult('BLEU', 9.7, 36.8, 0.5, 37.3, 19.9, 37.5, 38.2, 0.1, 9),
    'common_gen': PaperResult('ROUGE-1', 3.9, 54.6, 2.3, 56.3, None, 56.7, 56.6, 0.3, 16),
    'dart': PaperResult('ROUGE-1', 11.3, 45.5, 4.2, 48.9, None, 56.0, 57.9, 1.6, 11),
    'e2e_nlg': PaperResult('ROUGE-1', 6.2, 44.8, 3.9, 51.4, None, 56.7, 59.1, 1.3, 12),
    'web_nlg_en': PaperResult('ROUGE-1', 13.9, 50.6, 4.7, 57.7, None, 68.3, 68.5, 2.2, 10),
    # Table 2.
    'anli_r1': PaperResult('accuracy', 39.6, 47.7, 1.4, 46.4, 34.6, 39.0, 44.2, 2.3, 6),
    'anli_r2': PaperResult('accuracy', 39.9, 43.9, 1.3, 44.0, 35.4, 37.5, 41.6, 1.4, 6),
    'anli_r3': PaperResult('accuracy', 39.3, 47.0, 1.3, 48.5, 34.5, 40.7, 42.8, 2.2, 6),
    'cb': PaperResult('accuracy', 42.9, 64.1, 14.7, 83.9, 46.4, 34.4, 82.6, 4.4, 7),
    'mnli_matched': PaperResult('accuracy', 35.7, 51.1, 6.2, 61.2, None, 43.7, 60.8, 3.7, 10),
    'mnli_mismatched': PaperResult('accuracy', 37.0, 51.0, 6.5, 62.4, None, 43.8, 61.0, 3.5, 10),
    'qnli': PaperResult('accuracy', 50.6, 59.6, 4.9, 66.4, None, 55.7, 62.0, 1.7, 12),
    'rte': PaperResult('accuracy', 73.3, 78.3, 7.9, 84.1, 63.5, 70.8, 79.9, 6.9, 8),
    'snli': PaperResult('accuracy', 33.3, 43.0, 7.4, 53.4, None, 54.7, 62.3, 2.4, 15),
    'wnli': PaperResult('accuracy', 56.3, 61.0, 10.6, 74.6, None, 64.8, 55.4, 11.0, 14),
    'bool_q': PaperResult('accuracy', 81.0, 80.2, 3.1, 82.9, 60.5, 80.0, 83.6, 0.8, 4),
    'drop': PaperResult('F1', 3.8, 21.9, 0.9, 22.7, 23.6, 10.3, 22.3, 1.1, 2),
    'multirc': PaperResult('F1', 60.0, 74.5, 3.7, 77.5, 72.9, 59.6, 69.2, 3.2, 1),
    'openbookqa': PaperResult('accuracy', 41.8, 77.4, 1.3, 78.4, 57.6, 50.6, 77.2, 1.3, 16),
    'squad_v1': PaperResult('F1', 22.7, 79.5, 1.6, 80.1, None, 50.2, 82.1, 0.5, 4),
    'squad_v2': PaperResult('F1', 11.1, 40.9, 1.8, 44.2, 59.5, 34.9, 40.8, 0.9, 3),
    'arc_challenge': PaperResult('accuracy', 42.0, 61.7, 1.4, 63.1, 51.4, 49.4, 63.7, 0.6, 13),
    'arc_easy': PaperResult('accuracy', 76.4, 79.5, 0.8, 79.6, 68.8, 80.9, 80.5, 0.5, 14),
    'natural_questions': PaperResult('exact match', 3.2, 18.6, 2.7, 20.7, 14.6, 22.1, 27.2, 0.5, 16),
    'trivia_qa': PaperResult('exact match', 18.4, 55.0, 2.3, 56.7, None, 55.1, 57.2, 0.6, 16),
    'trivia_qa_wiki': PaperResult('exact match', 21.9, 66.5, 2.6, 68.1, 64.3, 63.3, 66.5, 1.0, 16),
    'copa': PaperResult('accuracy', 90.0, 90.6, 2.0, 91.0, 91.0, 89.0, 88.5, 3.8, 16),
    'hellaswag': PaperResult('accuracy', 57.0, 56.4, 0.5, 56.7, 78.9, 58.8, 59.4, 0.2, 3),
    'piqa': PaperResult('accuracy', 80.3, 80.9, 0.8, 80.5, 81.0, 80.2, 82.1, 0.3, 10),
    'story_cloze': PaperResult('accuracy', 79.5, 92.2, 1.3, 93.4, 83.2, 83.7, 93.3, 0.9, 10),
    'imdb_reviews': PaperResult('accuracy', 76.9, 94.1, 0.4, 94.3, None, 83.3, 94.8, 0.3, 2),
    'sentiment140': PaperResult('accuracy', 41.4, 69.9, 2.5, 73.5, None, 63.3, 68.7, 1.2, 16),
    'sst2': PaperResult('accuracy', 51.0, 92.6, 1.7, 94.6, 71.6, 92.3, 94.4, 0.8, 16),
    'yelp_polarity_reviews': PaperResult('accuracy', 84.7, 97.8, 0.2, 98.1, None, 89.6, 97.9, 0.1, 4),
    'glue_mrpc': PaperResult('accuracy', 53.7, 69.1, 1.3, 69.1, None, 64.0, 67.5, 1.7, 10),
    'glue_qqp': PaperResult('accuracy', 34.9, 72.1, 6.8, 75.9, None, 58.9, 73.5, 2.9, 16),
    'paws_wiki': PaperResult('accuracy', 45.5, 61.5, 6.5, 69.4, None, 53.5, 66.2, 0.9, 10),
    'definite_pronoun_resolution': PaperResult('accuracy', 54.6, 60.3, 3.5, 66.8, None, 57.3, 62.4, 1.6, 16),
    'winogrande': PaperResult('accuracy', 68.3, 67.3, 2.5, 71.2, 70.2, 68.4, 72.3, 0.9, 16),
    'wsc273': PaperResult('accuracy', 81.0, 80.8, 3.7, None, 88.3, 61.5, None, None, None),
    'cosmos_qa': PaperResult('accuracy', 34.1, 58.4, 1.3, 60.6, None, 33.8, 56.7, 1.3, 5),
    'record': PaperResult('accuracy', 87.8, 67.8, 3.0, 72.5, 90.2, 87.6, 77.0, 2.0, 1),
}
"""Name of a result (dataset and variant) to the paper's row; TriviaQA has two, TFDS's split and Wikipedia's."""


def paper_result(name: str, shots: int) -> PaperResult | None:
    """What the paper reports of a dataset or variant: its few-shot scores in place of zero-shot ones where `shots`."""
    found = PAPER.get(name)
    if found is None or not shots:
        return found
    if found.few_shot_mean is None or found.few_shot_std is None:
        return None
    mean, std = found.few_shot_mean, found.few_shot_std
    return dataclasses.replace(found, base=found.base_few_shot, mean=mean, std=std, best_dev=None, gpt3=None)
