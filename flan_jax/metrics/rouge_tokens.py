"""The words that ROUGE compares: those of rouge_score, and every Chinese or Japanese character.

rouge_score's tokenizer drops everything but a-z and 0-9, so that answers in Chinese would all score 0. Texts without
Chinese or Japanese characters are tokenized as by rouge_score.
"""

import re

from rouge_score import tokenizers

_CHARACTER = re.compile('[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]')
"""Kana and ideographs, which are written without spaces; punctuation is dropped, as in rouge_score."""


class RougeTokenizer(tokenizers.Tokenizer):
    """Lower-case words without stemming, and single characters of Chinese and Japanese."""

    def __init__(self):
        self._words = tokenizers.DefaultTokenizer(use_stemmer=False)

    def tokenize(self, text: str) -> list[str]:
        if not _CHARACTER.search(text):
            return self._words.tokenize(text)
        parts = _CHARACTER.sub(r' \g<0> ', text).split()
        return [word for part in parts for word in ([part] if _CHARACTER.match(part) else self._words.tokenize(part))]
