"""How answers are decoded, chosen by the few numbers that people give."""

from flan_jax.errors import UserError
from flan_jax.inference.beam import Beams
from flan_jax.inference.decoding import Decoding
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.processors.top_k import TopK
from flan_jax.inference.processors.top_p import TopP
from flan_jax.inference.sampling import Greedy, Sampling


def decoding_of(
    temperature: float | None = None, top_k: int | None = None, top_p: float | None = None, beams: int | None = None
) -> Decoding:
    """Beam search with so many beams; or sampling, by what is given of the others; or the likeliest token.

    Raises:
      SettingsError: for values that are not allowed.
      UserError: for beams together with sampling.
    """
    given = {Temperature: temperature, TopK: top_k, TopP: top_p}
    processors = tuple(processor(value) for processor, value in given.items() if value is not None)
    if beams is not None and processors:
        raise UserError('beam search does not sample: give beams, or temperature, top_k and top_p')
    if beams is not None:
        return Beams(beams)
    return Sampling(processors=processors) if processors else Greedy()
