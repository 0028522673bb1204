"""How answers are decoded, chosen by the few numbers that people give."""

from flan_jax.errors import UserError
from flan_jax.inference.beam import Beams
from flan_jax.inference.decoding import Decoding
from flan_jax.inference.processors.repetition_penalty import RepetitionPenalty
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.processors.top_k import TopK
from flan_jax.inference.processors.top_p import TopP
from flan_jax.inference.sampling import Greedy, Sampling


def decoding_of(
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    beams: int | None = None,
    repetition_penalty: float | None = None,
    decoding: Decoding | None = None,
) -> Decoding:
    """What is named as a whole; or so many beams; or sampling, by what is given; or else the likeliest token.

    Raises:
      SettingsError: for values that are not allowed.
      UserError: for beams together with sampling, or a whole together with its parts.
    """
    given = {RepetitionPenalty: repetition_penalty, Temperature: temperature, TopK: top_k, TopP: top_p}
    processors = tuple(processor(value) for processor, value in given.items() if value is not None)
    samples = any(not isinstance(processor, RepetitionPenalty) for processor in processors)
    if decoding is not None and (processors or beams is not None):
        raise UserError('decoding says it all: leave out temperature, top_k, top_p, repetition_penalty and beams')
    if decoding is not None:
        return decoding
    if beams is not None and samples:
        raise UserError('beam search does not sample: give beams, or temperature, top_k and top_p')
    if beams is not None:
        return Beams(beams, processors=processors)
    return (Sampling if samples else Greedy)(processors=processors)
