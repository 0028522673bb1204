"""The words that ROUGE compares: rouge_score's own, and every Chinese or Japanese character besides.

rouge_score's tokenizer knows a-z and 0-9 only, so that answers in Chinese would all score 0. Texts without such
characters have the words that it gives them.
"""

import re

from rouge_score import tokenizers

_CHARACTER = re.compile('[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]')
"""Kana and ideographs, which are written without blanks; punctuation counts for nothing, as elsewhere."""


class RougeTokenizer(tokenizers.Tokenizer):
    """Lower-case words without stemming, and single characters of Chinese and Japanese."""

    def __init__(self):
        self._words = tokenizers.DefaultTokenizer(use_stemmer=False)

    def tokenize(self, text: str) -> list[str]:
        if not _CHARACTER.search(text):
            return self._words.tokenize(text)
        parts = _CHARACTER.sub(r' \g<0> ', text).split()
        return [word for part in parts for word in ([part] if _CHARACTER.match(part) else self._words.tokenize(part))]
