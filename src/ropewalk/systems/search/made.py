"""Made articles of a made shop, with queries, labels and questions: what the small life, tests and the tutorial read.

An article tells one thing about one product. A query asks for it in other words than the article's ("how heavy" for "weighs"),
so that terms alone find the product but not always the article. Labels: 2 for the article, 1 for others on the product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAKERS = ("Alder", "Birch", "Cedar", "Hazel", "Juniper", "Larch", "Maple", "Rowan", "Spruce", "Willow")
THINGS = (
    ("notebook", "laptop"), ("rucksack", "backpack"), ("torch", "flashlight"), ("kettle", "water boiler"), ("sofa", "couch"),
    ("television", "tv screen"), ("bicycle", "bike"), ("vacuum cleaner", "hoover"), ("headphones", "headset"), ("stove", "cooker"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aspect:
    """What an article is about: its sentence, how it is asked for, and what the answer is drawn from."""

    title: str
    sentence: str
    asked: tuple[str, ...]
    values: tuple[str, ...]
    filler: str


ASPECTS = (
    Aspect("Weight and size", "The {name} weighs {value} and fits into the box in which it was sent.",
           ("how heavy is the {other}", "{other} too much to carry"),
           ("900 grams", "2 kilograms", "3.5 kilograms", "12 kilograms", "700 grams"),
           "Measurements were taken without accessories. Put it on a flat surface first."),
    Aspect("Warranty", "For the {name} the warranty ends {value} after the purchase.",
           ("guarantee period of my {other}", "{other} broke, is it still covered"),
           ("two years", "three years", "five years", "ten years", "twelve months"),
           "Keep the receipt. Damage by water or by other chargers is not included."),
    Aspect("Cleaning", "Wipe the {name} with {value} and let it dry overnight.",
           ("how do I wash the {other}", "remove stains from {other}"),
           ("a damp cloth", "warm soapy water", "white vinegar", "rubbing alcohol", "a soft brush"),
           "Never use a dishwasher. Unplug everything before you begin."),
    Aspect("Delivery", "The {name} is shipped from {value} within a day.",
           ("where does the {other} come from", "when will my {other} arrive"),
           ("Hamburg", "Rotterdam", "Valencia", "Gdansk", "Lyon"),
           "A message with a number for tracking follows. Somebody has to be at home."),
    Aspect("Returns", "You may send the {name} back within {value} if you do not like it.",
           ("give the {other} back", "refund for a {other} I do not want"),
           ("14 days", "30 days", "60 days", "90 days", "100 days"),
           "The money is paid within a week. Used goods are taken at a lower price."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    documents: list[dict[str, str]]
    queries: list[tuple[str, str]]  # id, text
    labels: list[tuple[str, str, int]]  # query, document, label
    questions: list[dict[str, str | int]]  # id, document, question, answer, start


def make(count: int, seed: int = 0) -> Made:
    """`count` articles, and one query and one question for every second of them."""
    rng = np.random.default_rng(seed)
    made = Made([], [], [], [])
    names = [(maker, thing, other) for maker in MAKERS for thing, other in THINGS]
    order = rng.permutation(len(names))
    for number in range(count):
        maker, thing, other = names[order[(number // len(ASPECTS)) % len(names)]]
        round_ = number // (len(ASPECTS) * len(names))
        maker = f"{maker} {round_ + 2}" if round_ else maker
        _add(made, number, ASPECTS[number % len(ASPECTS)], maker, thing, other, rng)
    by_product: dict[str, list[str]] = {}
    for document in made.documents:
        by_product.setdefault(document["product"], []).append(document["id"])
    products = {document["id"]: document["product"] for document in made.documents}
    for query, document_id, _ in list(made.labels):
        made.labels.extend((query, rest, 1) for rest in by_product[products[document_id]] if rest != document_id)
    return made


def _add(made: Made, number: int, aspect: Aspect, maker: str, thing: str, other: str, rng: np.random.Generator) -> None:
    name, value = f"{maker} {thing}", str(rng.choice(aspect.values))
    sentence = aspect.sentence.format(name=name, value=value)
    document_id = f"article-{number:05d}"
    text = f"{aspect.filler} {sentence}" if rng.random() < 0.5 else f"{sentence} {aspect.filler}"
    made.documents.append(
        {
            "id": document_id,
            "title": f"{aspect.title}: {name}",
            "text": text,
            "maker": maker.split()[0],
            "product": name,
        }
    )
    if number % 2 == 0:
        asked = str(rng.choice(aspect.asked)).format(other=f"{maker} {other}")
        made.queries.append((f"q{number}", asked))
        made.labels.append((f"q{number}", document_id, 2))
        made.questions.append(
            {
                "id": f"q{number}",
                "document": document_id,
                "question": f"{asked}?",
                "answer": value,
                "start": text.index(value),
            }
        )
