"""Made questions whose answers are known: for tests, and for a first look at a reader. They say nothing of its quality."""

from __future__ import annotations

import numpy as np

from ropewalk.systems.search.answer.examples import Example

NAMES = (
    "Anna Keller|John Smith|Maria Lopez|Peter Novak|Grace Hall|Ivan Petrov|Rosa Diaz|Karl Braun|Emma Stone|Paul Roth"
)
CITIES = "Lisbon|Oslo|Vienna|Madrid|Porto|Geneva|Warsaw|Dublin|Turin|Basel"
CUPS = "Silver Cup|Harbour Race|Winter Regatta|Mountain Prize|River Trophy|Golden Rope|Island Medal|Forest Run"
SENTENCES = {
    "en": "{name} won the {cup} in {city} in {year}. About {crowd} people watched the {cup}. The weather was fine.",
    "de": "{name} gewann {year} in {city} den {cup}. Etwa {crowd} Menschen sahen den {cup}. Das Wetter war gut.",
}
QUESTIONS = {
    "en": {"name": "Who won the {cup}?", "year": "When was the {cup} won?", "crowd": "How many people watched the {cup}?"},
    "de": {"name": "Wer gewann den {cup}?", "year": "Wann wurde der {cup} gewonnen?", "crowd": "Wie viele Menschen sahen den {cup}?"},
}  # fmt: skip


def examples(count: int, seed: int, language: str = "en") -> list[Example]:
    """`count` questions, three about each made passage; a passage is a group."""
    rng = np.random.default_rng([seed, 0x3ADE])
    found: list[Example] = []
    while len(found) < count:
        facts, others = (_facts(rng) for _ in range(2))
        text = " ".join(SENTENCES[language].format(**one) for one in (facts, others))
        for kind, question in QUESTIONS[language].items():
            at = text.index(facts[kind])
            name = f"{len(found)}"
            found.append(
                Example(name, question.format(**facts), text, facts[kind], at, language, f"made {len(found) // 3}")
            )
    return found[:count]


def _facts(rng: np.random.Generator) -> dict[str, str]:
    name, city, cup = (str(rng.choice(listed.split("|"))) for listed in (NAMES, CITIES, CUPS))
    year, crowd = int(rng.integers(1900, 2020)), int(rng.integers(200, 900))
    return {"name": name, "city": city, "cup": cup, "year": str(year), "crowd": str(crowd)}
