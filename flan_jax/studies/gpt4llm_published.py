"""Instruction tuning with GPT-4 (Peng et al. 2023, arXiv 2304.03277): the values in the paper and its repository."""

from collections.abc import Mapping

from flan_jax.metrics.rouge_by_length import ALL

FIGURE_4: Mapping[str, tuple[float, float, float]] = {
    'LLaMA 13B vs ChatGPT': (502, 698.5, 72),
    'Alpaca 13B vs ChatGPT': (585, 704.5, 83),
    'Vicuna 13B vs ChatGPT': (649, 652.5, 99),
    'LLaMA-GPT4 7B vs ChatGPT': (609, 666.5, 91),
    'LLaMA-GPT4 7B, best of 5, vs ChatGPT': (624, 667, 94),
    'Bard vs ChatGPT': (634, 660, 96),
    'GPT-4 vs ChatGPT': (613, 521, 118),
    'LLaMA 13B vs GPT-4': (520, 731.5, 71),
    'Alpaca 13B vs GPT-4': (593, 745.5, 80),
    'Vicuna 13B vs GPT-4': (640, 715.5, 89),
    'LLaMA-GPT4 7B vs GPT-4': (606, 726.5, 83),
    'LLaMA-GPT4 7B, best of 5, vs GPT-4': (631, 722.5, 87),
    'Bard vs GPT-4': (633, 722, 88),
    'ChatGPT vs GPT-4': (652, 714, 91),
}
"""Figure 4c, d: total scores of model and opponent over Vicuna's 80 questions, and the printed percentage."""

RANKED: Mapping[str, tuple[float, float]] = {
    'rank 1 of 5 vs ChatGPT': (624, 667),
    'rank 2 of 5 vs ChatGPT': (614, 670),
    'rank 3 of 5 vs ChatGPT': (623, 681.5),
    'rank 4 of 5 vs ChatGPT': (597, 669),
    'rank 5 of 5 vs ChatGPT': (605, 677.5),
    'rank 1 of 5 vs GPT-4': (631, 722.5),
    'rank 2 of 5 vs GPT-4': (614, 720.5),
    'rank 3 of 5 vs GPT-4': (615, 724),
    'rank 4 of 5 vs GPT-4': (602, 726),
    'rank 5 of 5 vs GPT-4': (605, 726),
}
"""Figure 4a, b: totals of LLaMA-GPT4's five answers as its reward model ranks them, and of the opponent."""

FIGURE_5: Mapping[str, Mapping[str, tuple[float, float]]] = {
    'translated, vs GPT-4 translated': {
        'LLaMA 13B': (466, 697),
        'Alpaca 13B': (539, 712),
        'Vicuna 13B': (639, 687.5),
        'LLaMA-GPT4 7B': (607, 700),
        'LLaMA-GPT4 7B, best of 5': (620, 693),
        'Bard': (624, 681),
        'ChatGPT': (652.5, 684.5),
        'GPT-4': (758, 758),
    },
    'translated, vs GPT-4 in Chinese': {
        'LLaMA 13B': (500, 699),
        'Alpaca 13B': (551, 702),
        'Vicuna 13B': (658, 677),
        'LLaMA-GPT4 7B': (618.5, 685.5),
        'LLaMA-GPT4 7B, best of 5': (629, 672),
        'Bard': (642, 678),
        'ChatGPT': (658, 679),
        'GPT-4': (680.5, 626.5),
    },
    'in Chinese, vs GPT-4 translated': {
        'LLaMA 13B': (233, 707),
        'Alpaca 13B': (259, 724),
        'LLaMA-GPT4 7B': (253, 723),
        'LLaMA-GPT4-CN 7B': (445, 694),
        'Vicuna 13B': (526.5, 702),
        'GPT-4': (626.5, 680.5),
    },
    'in Chinese, vs GPT-4 in Chinese': {'Vicuna 13B': (545, 691)},
}
"""Figure 5 by part: (a), (b), (c), and Vicuna's pair in (c), whose opponent is GPT-4 in Chinese."""

VICUNA_TOTALS = {'alpaca-13b': (583, 704), 'bard': (664, 655.5), 'gpt35': (693, 638), 'llama-13b': (513, 694)}
"""Total scores of Vicuna's evaluation (FastChat, April 2023), the protocol of figure 4: the model's, vicuna-13b's."""

SCORES = {
    'gpt4': {'answers': 51_445, 'mean': 8.94, 'median': 9, 'mode': 9, 'of the mode': 46_065},
    'text-davinci-003': {'answers': 51_183, 'mean': 8.72, 'median': 9, 'mode': 9, 'of the mode': 38_846},
    'icm-1.3b': {'answers': 51_428, 'mean': 4.23, 'median': 4, 'mode': 4, 'of the mode': 12_721},
}
"""GPT-4's scores of the answers in the comparison data (the repository's score lists); icm-1.3b is OPT-IML."""

ROUGE = {
    '0-2': {'answers': 5_089, 'Alpaca': 0.4165, 'LLaMA-GPT4': 0.3171, 'GPT-4': 0.3603},
    '3-5': {'answers': 868, 'Alpaca': 0.3442, 'LLaMA-GPT4': 0.2961, 'GPT-4': 0.3055},
    '6-10': {'answers': 936, 'Alpaca': 0.3647, 'LLaMA-GPT4': 0.3903, 'GPT-4': 0.3770},
    '10>': {'answers': 2_107, 'Alpaca': 0.3398, 'LLaMA-GPT4': 0.4119, 'GPT-4': 0.4166},
    ALL: {'answers': 9_000, 'Alpaca': 0.3860, 'LLaMA-GPT4': 0.3447, 'GPT-4': 0.3697},
}
"""ROUGE-L on Unnatural Instructions by words of the reference."""

VOTES = {
    'Alpaca, helpful': {'win': 54.12, 'lose': 19.74, 'tie': 26.14},
    'Alpaca, honest': {'win': 25.99, 'lose': 31.39, 'tie': 42.61},
    'Alpaca, harmless': {'win': 16.48, 'lose': 25.43, 'tie': 58.10},
    'GPT-4, helpful': {'win': 42.78, 'lose': 44.11, 'tie': 13.11},
    'GPT-4, honest': {'win': 37.88, 'lose': 37.48, 'tie': 24.64},
    'GPT-4, harmless': {'win': 31.66, 'lose': 35.36, 'tie': 32.98},
}
"""Human votes on LLaMA-GPT4 against an opponent by criterion, in per cent."""
