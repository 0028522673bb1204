"""The miniature: a world of short stories about one person each, generated from a seed, with questions about them.

A story describes four traits of a person, each in one of three wordings; in the pretraining text, sentences follow that
can be inferred from them. The pretraining text has no instructions, but it contains everything that an instruction can
ask for: the value of a trait, the kind of a value, what came first. A pretrained model therefore has the skill already,
and tuning only teaches it to follow instructions.

Traits form three groups: one for tuning, one held out for development, one held out for the final test. Questions about
one group never have answers or options of another: otherwise a tuned model could learn that some words are always wrong,
and be worse than its base model for that reason alone.
"""

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TRAITS_TOLD = 4

OPTIONS = 3
"""Number of options of a question about a trait; at most the number of topics of a group."""


@dataclasses.dataclass(frozen=True)
class Topic:
    """A kind of trait.

    Attributes:
      name: what it is called.
      verb: what a person does with it.
      values: what it may be; no word occurs in two topics.
    """

    name: str
    verb: str
    values: tuple[str, ...]


def _topic(name: str, verb: str, values: str) -> Topic:
    return Topic(name, verb, tuple(values.split()))


GROUPS: Mapping[str, tuple[Topic, ...]] = {
    'always': (
        _topic('colour', 'likes', 'red blue green yellow black white brown pink'),
        _topic('drink', 'drinks', 'tea milk water juice cocoa cider soda broth'),
        _topic('tool', 'owns', 'hammer saw drill axe spade rake file wrench'),
        _topic('tree', 'plants', 'oak pine birch elm maple willow cedar ash'),
        _topic('metal', 'mines', 'iron gold silver copper tin zinc lead nickel'),
        _topic('shape', 'draws', 'circle square star cross ring cube cone arrow'),
    ),
    'development': (
        _topic('food', 'eats', 'bread soup rice cheese pasta salad stew pie'),
        _topic('sport', 'plays', 'tennis chess golf rugby hockey cricket squash polo'),
        _topic('vehicle', 'drives', 'car van truck bus tram cart bike boat'),
    ),
    'confirmation': (
        _topic('pet', 'keeps', 'goat cat dog horse rabbit parrot duck sheep'),
        _topic('job', 'works as', 'baker tailor nurse pilot farmer miner judge poet'),
        _topic('city', 'lives in', 'paris rome oslo cairo lima delhi boston kyoto'),
    ),
}
"""Topics that are always tuned on, those held out for development, and those held out for the final test."""

TOPICS = tuple(topic for group in GROUPS.values() for topic in group)

NAMES = tuple(['max', 'anna', 'tom', 'eva', 'leo', 'mia', 'sam', 'ida', 'ben', 'zoe', 'kai', 'uma'])

CUES = ('{name} {verb}', 'for {name} the {topic} is', 'the {topic} of {name} is')
"""The wordings of a trait: the text before its value."""

Example = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Story:
    """A person, and the traits that are told.

    Attributes:
      name: the person.
      traits: topic and value of each, in order.
      cues: wording of each.
    """

    name: str
    traits: tuple[tuple[Topic, str], ...]
    cues: tuple[str, ...]

    @property
    def text(self) -> str:
        """What is told, a sentence for each trait."""
        return ' '.join(self.sentence(index) for index in range(len(self.traits)))

    def sentence(self, index: int) -> str:
        """What is told of one trait."""
        return f'{self.cue(index, self.cues[index])} {self.traits[index][1]} .'

    def cue(self, index: int, wording: str) -> str:
        """The beginning of a sentence about a trait."""
        topic = self.traits[index][0]
        return wording.format(name=self.name, verb=topic.verb, topic=topic.name)


def make_story(rng: random.Random, topics: Sequence[Topic]) -> Story:
    """A story that tells of these topics, and of others up to `TRAITS_TOLD`."""
    others = [topic for topic in TOPICS if topic not in topics]
    told = [*topics, *rng.sample(others, TRAITS_TOLD - len(topics))]
    rng.shuffle(told)
    traits = tuple((topic, rng.choice(topic.values)) for topic in told)
    return Story(rng.choice(NAMES), traits, tuple(rng.choice(CUES) for _ in told))


def prose(rng: random.Random) -> str:
    """A document of running text: a story, and a sentence that follows from each of its traits."""
    story = make_story(rng, ())
    order = rng.sample(range(TRAITS_TOLD), TRAITS_TOLD)
    return ' '.join([story.text, *(_consequence(rng, story, index) for index in order)])


def _consequence(rng: random.Random, story: Story, index: int) -> str:
    topic, value = story.traits[index]
    kind = rng.random()
    if kind < 0.8:
        other = rng.choice([cue for cue in CUES if cue != story.cues[index]])
        return f'so {story.cue(index, other)} {value} .'
    if kind < 0.9:
        return f'{value} is a {topic.name} .'
    return f'first came {story.traits[0][1]} .' if kind < 0.95 else f'last came {story.traits[-1][1]} .'


def lookup(rng: random.Random, topic: Topic) -> Example:
    """A story and a question about one of its traits.

    All three options are told in the story, so that nothing but the topic tells which is meant; guessing is worth 33 %.
    """
    group = next(group for group in GROUPS.values() if topic in group)
    others = rng.sample([found for found in group if found != topic], OPTIONS - 1)
    story = make_story(rng, (topic, *others))
    values = dict(story.traits)
    index = [found for found, _ in story.traits].index(topic)
    options = rng.sample([values[found] for found in (topic, *others)], OPTIONS)
    cue = rng.choice([wording for wording in CUES if wording != story.cues[index]])
    return {
        'story': story.text,
        'name': story.name,
        'options': options,
        'label': options.index(values[topic]),
        'sentence': story.sentence(index),
        'cue': f'so {story.cue(index, cue)}',
        'wrong_topic': rng.choice([*GROUPS['always'], *GROUPS['development']]).name,
    }


def _another(rng: random.Random, topic: Topic, value: str) -> str:
    return rng.choice([other for other in topic.values if other != value])


def _asked(rng: random.Random) -> tuple[Story, list[tuple[Topic, str]]]:
    """A story, and three traits of it that operations may ask about, in the order in which they are told."""
    topics = rng.sample(GROUPS['always'], 3)
    story = make_story(rng, topics)
    return story, [trait for trait in story.traits if trait[0] in topics]


def order(rng: random.Random) -> Example:
    """Which of three things is told first, and which last."""
    story, told = _asked(rng)
    values = [value for _, value in told]
    options = rng.sample(values, 3)
    ends = {'first': options.index(values[0]), 'last': options.index(values[-1])}
    return {'story': story.text, 'name': story.name, 'options': options, **ends}


def kind(rng: random.Random) -> Example:
    """What kind of thing a value is."""
    story, told = _asked(rng)
    topic, value = told[0]
    others = rng.sample([found for found in GROUPS['always'] if found != topic], 3)
    options = [found.name for found in (topic, *others)]
    rng.shuffle(options)
    return {
        'story': story.text,
        'name': story.name,
        'value': value,
        'options': options,
        'label': options.index(topic.name),
    }


def verify(rng: random.Random) -> Example:
    """Whether something is told."""
    story, told = _asked(rng)
    topic, value = rng.choice(told)
    is_told = rng.random() < 0.5
    claimed = value if is_told else _another(rng, topic, value)
    claim = f'{rng.choice(CUES).format(name=story.name, verb=topic.verb, topic=topic.name)} {claimed}'
    return {'story': story.text, 'name': story.name, 'claim': claim, 'label': int(is_told)}


def person(rng: random.Random) -> Example:
    """Who a story is about."""
    story = make_story(rng, ())
    options = [story.name, *rng.sample([name for name in NAMES if name != story.name], 3)]
    rng.shuffle(options)
    return {'story': story.text, 'options': options, 'label': options.index(story.name)}


OPERATIONS = {'order': order, 'kind': kind, 'verify': verify, 'person': person}
"""Other kinds of questions about stories; each is a cluster."""


def examples(name: str, seed: int, count: int) -> Iterator[Example]:
    """Examples of the topic or operation of a name, or of 'prose'."""
    rng = random.Random(f'{name} {seed}')
    for _ in range(count):
        if name == 'prose':
            yield {'text': prose(rng)}
        elif name in OPERATIONS:
            yield OPERATIONS[name](rng)
        else:
            yield lookup(rng, next(topic for topic in TOPICS if topic.name == name))
