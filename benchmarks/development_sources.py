"""How the files of small public retrieval collections are read: development.py makes its collections by these.

A maker takes the contents of its files and gives everything that is in them. Labels are 1 for relevant but for LiveQA's
answers: 0 incorrect, 1 related, 2 incomplete, 3 excellent.
"""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import random
import re
import tokenize
import xml.etree.ElementTree as ElementTree
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Labels = dict[str, dict[str, int]]  # query -> document -> label
LIVEQA = "QA-TestSet-LiveQA-Med-Qrels-2479-Answers"


@dataclass(frozen=True)
class Found:
    documents: list[tuple[str, str, str]]  # id, title, text
    queries: list[tuple[str, str]]  # id, text
    labels: Labels


def text(data: bytes, encoding: str = "utf-8") -> str:
    return data.decode(encoding, "replace")


def plain(said: str) -> str:
    """One line, no runs of spaces."""
    return " ".join(said.split())


def table(data: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(data)), delimiter=delimiter))


def member(data: bytes, name: str) -> bytes:
    """A file of a zip archive."""
    return zipfile.ZipFile(io.BytesIO(data)).read(name)


def pairs(rows: Iterable[tuple[str, str, bool]]) -> Found:
    """From (query, document, relevant); equal texts are one. Without a query only the document counts."""
    queries: dict[str, str] = {}
    documents: dict[str, str] = {}
    labels: Labels = defaultdict(dict)
    for query, document, relevant in rows:
        found = documents.setdefault(document, f"d{len(documents)}")
        asked = queries.setdefault(query, f"q{len(queries)}") if query else ""
        if query and relevant:
            labels[asked][found] = 1
    return Found([(i, "", t) for t, i in documents.items()], [(i, t) for t, i in queries.items()], labels)


# Glasgow's collections


def smart(data: bytes) -> list[dict[str, str]]:
    """Records: a line `.I 12` begins one, `.T` a field. The number is under "I"; a field that is not there is empty."""
    records: list[dict[str, str]] = []
    field = ""
    for line in text(data, "latin-1").splitlines():
        if begins := re.match(r"\.I\s+(\d+)", line):
            records.append(defaultdict(str, I=str(int(begins[1]))))
            field = ""
        elif name := re.match(r"\.([A-Z])\s*$", line):
            field = name[1]
        elif records and field:
            records[-1][field] = f"{records[-1][field]} {line.strip()}".strip()
    return records


def judged(data: bytes, column: int = 1) -> Labels:
    """Lines that begin with the query and have a relevant document in the column."""
    labels: Labels = defaultdict(dict)
    for line in text(data).splitlines():
        if parts := line.split():
            labels[str(int(parts[0]))][parts[column]] = 1
    return labels


def cisi(documents: bytes, queries: bytes, labels: bytes) -> Found:
    found = [(x["I"], x["T"], x["W"]) for x in smart(documents)]
    return Found(found, [(x["I"], x["W"] or x["T"]) for x in smart(queries)], judged(labels))


def med(documents: bytes, queries: bytes, labels: bytes) -> Found:
    found = [(x["I"], "", x["W"]) for x in smart(documents)]
    return Found(found, [(x["I"], x["W"]) for x in smart(queries)], judged(labels, column=2))


def cranfield(documents: bytes, queries: bytes, labels: bytes) -> Found:
    """Labels count the queries, whatever number these bear; 5 says not relevant. A text repeats its title."""
    found = [(x["I"], x["T"], x["W"].removeprefix(x["T"]).strip()) for x in smart(documents)]
    graded: Labels = defaultdict(dict)
    for query, document, grade in (line.split() for line in text(labels).splitlines() if line.strip()):
        graded[query][document] = int(grade != "5")
    return Found(found, [(str(number), x["W"]) for number, x in enumerate(smart(queries), 1)], graded)


def cacm(documents: bytes, queries: bytes, labels: bytes) -> Found:
    found = [(x["I"], x["T"], f"{x['W']} {x['A']} {x['K']}".strip()) for x in smart(documents)]
    return Found(found, [(x["I"], f"{x['W']} {x['A']}".strip()) for x in smart(queries)], judged(labels))


def cacm_keywords(documents: bytes) -> Found:
    """Authors' keywords as queries, each of 3 to 40 papers; the papers are title and abstract."""
    having: Labels = defaultdict(dict)
    for record in smart(documents):
        for keyword in record["K"].split(","):
            having[plain(keyword).strip(". ").lower()][record["I"]] = 1
    kept = sorted(keyword for keyword, papers in having.items() if keyword and 3 <= len(papers) <= 40)
    found = [(x["I"], x["T"], x["W"]) for x in smart(documents)]
    return Found(found, [(f"k{n}", k) for n, k in enumerate(kept)], {f"k{n}": having[k] for n, k in enumerate(kept)})


def time(documents: bytes, queries: bytes, labels: bytes) -> Found:
    """All is in capitals. `*TEXT` begins an article, which labels count; `*FIND` and a number begin a query."""
    articles = re.split(r"\*TEXT.*\n", text(documents, "latin-1").replace("*STOP", ""))[1:]
    asked = re.split(r"\*FIND\s+(\d+)", text(queries, "latin-1").replace("*STOP", ""))[1:]
    rows = [line.split() for line in text(labels).splitlines() if line.strip()]
    return Found(
        [(str(number), "", plain(article).lower()) for number, article in enumerate(articles, 1)],
        [(number, plain(query).lower()) for number, query in zip(asked[::2], asked[1::2], strict=True)],
        {query: dict.fromkeys(relevant, 1) for query, *relevant in rows},
    )


def lisa(queries: bytes, labels: bytes, *documents: bytes) -> Found:
    """Documents: number, title, empty line, text, a line of stars. Labels: query, how many, that many documents, ..."""
    found = {}
    for block in (block for data in documents for block in re.split(r"\*{20,}", text(data, "latin-1"))):
        if parts := re.match(r"\s*Document\s+(\d+)\s*\n(.*)", block, re.DOTALL):
            title, *body = re.split(r"\n\s*\n", parts[2].strip(), maxsplit=1)
            found[parts[1]] = (parts[1], plain(title).lower(), plain("".join(body)).lower())
    asked = re.findall(r"\s*(\d+)\s*\n([^#]*)#?", text(queries))
    numbers, relevant = iter(text(labels).split()), {}
    for query in numbers:
        relevant[query] = {next(numbers): 1 for _ in range(int(next(numbers)))}
    return Found(list(found.values()), [(number, plain(query).lower()) for number, query in asked], relevant)


# Questions


def asked_of(places: Iterable[Sequence[dict[str, Any]]]) -> tuple[list[tuple[str, str]], Labels]:
    """Questions of SQuAD's format, and as their answer the number of the place whose paragraphs they were asked of."""
    asked = [(q, str(number)) for number, place in enumerate(places) for p in place for q in p["qas"]]
    return [(str(q["id"]), q["question"]) for q, _ in asked], {str(q["id"]): {place: 1} for q, place in asked}


def xquad(data: bytes) -> Found:
    """A document is a paragraph."""
    articles = json.loads(gzip.decompress(data))["data"]
    paragraphs = [p for article in articles for p in article["paragraphs"]]
    documents = [(str(number), "", p["context"]) for number, p in enumerate(paragraphs)]
    return Found(documents, *asked_of([p] for p in paragraphs))


def xquad_articles(data: bytes) -> Found:
    """A document is a whole article, its paragraphs parted by empty lines."""
    articles = json.loads(gzip.decompress(data))["data"]
    titles = [article["title"].replace("_", " ") for article in articles]
    bodies = ["\n\n".join(p["context"] for p in article["paragraphs"]) for article in articles]
    documents = [(str(number), *both) for number, both in enumerate(zip(titles, bodies, strict=True))]
    return Found(documents, *asked_of(article["paragraphs"] for article in articles))


def covidqa(data: bytes) -> Found:
    """A document is a whole paper. What was asked of several ("What is the conclusion of this report?") is left out."""
    paragraphs = [p for article in json.loads(data)["data"] for p in article["paragraphs"]]
    papers = {p["context"]: str(p["document_id"]) for p in paragraphs}
    first: dict[str, tuple[str, str]] = {}
    about: Labels = defaultdict(dict)
    for paragraph in paragraphs:
        for question in paragraph["qas"]:
            asked = plain(question["question"])
            first.setdefault(asked.lower(), (str(question["id"]), asked))
            about[asked.lower()][papers[paragraph["context"]]] = 1
    kept = {same: query for same, query in first.items() if len(about[same]) == 1}
    documents = [(number, "", paper) for paper, number in papers.items()]
    return Found(documents, list(kept.values()), {number: about[same] for same, (number, _) in kept.items()})


def covidfaq(data: bytes) -> Found:
    rows = [x for x in table(data) if x["lang"] == "en" and x["answer"] and x["question"]]
    return pairs((plain(x["question"]), plain(x["answer"]), True) for x in rows)


def wikiqa(*parts: bytes) -> Found:
    """Of each part three files, line by line: questions, sentences, whether the one is answered by the other."""
    rows: list[tuple[str, str, bool]] = []
    for at in range(0, len(parts), 3):
        lines = zip(*(text(data).split("\n") for data in parts[at : at + 3]), strict=False)
        rows += [(asked, said, float(y) > 0) for asked, said, y in lines if said.strip() and y.strip()]
    return pairs(rows)


def trecqa(*parts: bytes) -> Found:
    return pairs((x["qtext"], x["atext"], float(x["label"]) > 0) for data in parts for x in table(data))


def pubmedqa(data: bytes) -> Found:
    """A question is the title of its abstract; the first 500 are asked."""
    papers = json.loads(data)
    documents = [(number, "", " ".join(paper["CONTEXTS"])) for number, paper in papers.items()]
    queries = [(f"q{number}", paper["QUESTION"]) for number, paper in papers.items()][:500]
    return Found(documents, queries, {f"q{number}": {number: 1} for number in papers})


def pubmed_mesh(data: bytes) -> Found:
    """Subject headings as queries, each of 3 to 30 papers; the papers are title and abstract."""
    papers = json.loads(data)
    having: Labels = defaultdict(dict)
    for number, paper in papers.items():
        for heading in paper.get("MESHES", []):
            having[heading][number] = 1
    kept = [heading for heading, found in having.items() if 3 <= len(found) <= 30]
    documents = [(number, paper["QUESTION"], " ".join(paper["CONTEXTS"])) for number, paper in papers.items()]
    queries = [(f"m{number}", heading.replace(",", "")) for number, heading in enumerate(kept)]
    return Found(documents, queries, {f"m{number}": having[heading] for number, heading in enumerate(kept)})


def liveqa(answers: bytes, questions: bytes) -> Found:
    """Subject and message of what people asked; answers that were retrieved for them, each judged."""
    found: dict[str, tuple[str, str, str]] = {}
    for row in table(member(answers, f"{LIVEQA}/All-2479-Answers-retrieved-from-MedQuAD.csv")):
        found.setdefault(row["AnswerID"], (row["AnswerID"], "", plain(row["Answer"].split("Answer:", 1)[-1])))
    labels: Labels = defaultdict(dict)
    judgements = text(member(answers, f"{LIVEQA}/All-qrels_LiveQAMed2017-TestQuestions_2479_Judged-Answers.txt"))
    for query, grade, answer in (line.split() for line in judgements.splitlines() if line.strip()):
        labels[query][answer] = int(grade[0]) - 1
    queries = []
    for asked in ElementTree.fromstring(questions).iter("NLM-QUESTION"):
        said = [asked.findtext(f".//{part}") or "" for part in ("SUBJECT", "MESSAGE")]
        queries.append((asked.attrib["qid"].removeprefix("TQ"), plain(" ".join(said))))
    return Found([one for one in found.values() if len(one[2]) > 20], queries, labels)


def liveqa_pages(answers: bytes, questions: bytes) -> Found:
    """A document is a page: its answers (ADAM_0002818_Sec1.txt, _Sec2.txt, ...) in turn; its label is that of the best."""
    single = liveqa(answers, questions)
    pages: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for answer, _, said in single.documents:
        page, _, section = answer.removesuffix(".txt").rpartition("_Sec")
        pages[page].append((int(section), said))
    labels: Labels = defaultdict(dict)
    for query, judgements in single.labels.items():
        for answer, label in judgements.items():
            page = answer.rpartition("_Sec")[0]
            labels[query][page] = max(label, labels[query].get(page, 0))
    documents = [(page, "", "\n\n".join(said for _, said in sorted(parts))) for page, parts in pages.items()]
    return Found(documents, single.queries, labels)


# Claims, arguments, and the same in other words


def scifact(data: bytes) -> Found:
    """Claims of the validation part. An abstract is its sentences as Python's strings in brackets, without commas."""
    documents = []
    for row in table(member(data, "corpus_train.csv")):
        tokens = tokenize.generate_tokens(io.StringIO(row["abstract"]).readline)
        sentences = [ast.literal_eval(token.string) for token in tokens if token.type == tokenize.STRING]
        documents.append((row["doc_id"], row["title"], " ".join(sentences)))
    queries: dict[str, str] = {}
    labels: Labels = defaultdict(dict)
    for row in table(member(data, "claims_validation.csv")):
        queries.setdefault(row["id"], row["claim"])
        labels[row["id"]][row["evidence_doc_id"]] = 1
    return Found(documents, list(queries.items()), labels)


def climatefever(data: bytes) -> Found:
    """Claims, and the sentences that support or refute them among those that were looked at."""
    claims = [json.loads(line) for line in text(data).splitlines()]
    shown = {e["evidence_id"]: (e["evidence_id"], e["article"], e["evidence"]) for c in claims for e in c["evidences"]}
    labels = {
        c["claim_id"]: {e["evidence_id"]: 1 for e in c["evidences"] if e["evidence_label"] != "NOT_ENOUGH_INFO"}
        for c in claims
    }
    return Found(list(shown.values()), [(c["claim_id"], c["claim"]) for c in claims], labels)


def perspectrum(pool: bytes, claims: bytes) -> Found:
    """Claims, and what can be said for or against them; rewordings made for the data set are left out."""
    documents = [(str(x["pId"]), "", x["text"]) for x in json.loads(pool) if x["source"] != "turk"]
    asked = json.loads(claims)
    labels = {f"c{c['cId']}": {str(p): 1 for group in c["perspectives"] for p in group["pids"]} for c in asked}
    return Found(documents, [(f"c{c['cId']}", c["text"]) for c in asked], labels)


def debate(*sites: bytes) -> Found:
    """One argument of each debate, which is no document then; those of the other side answer it."""
    rnd = random.Random("debate")
    documents: list[tuple[str, str, str]] = []
    labels: Labels = {}
    for claim in (claim for site in sites for claim in json.loads(site)):
        sides: list[list[str]] = [[], []]
        for ids, side in zip(sides, ("perspectives_for", "perspectives_against"), strict=True):
            said = [plain(f"{p['perspective_title']}. {flat(p['argument'])}") for p in claim[side]]
            for argument in (one for one in said if len(one) > 80):
                ids.append(str(len(documents)))
                documents.append((ids[-1], "", argument))
        if all(sides):
            rnd.shuffle(sides)
            labels[rnd.choice(sides[0])] = dict.fromkeys(sides[1], 1)
    queries = [(number, said) for number, _, said in documents if number in labels]
    return Found([one for one in documents if one[0] not in labels], queries, labels)


def flat(argument: Any) -> str:
    """The texts of lists and descriptions."""
    if isinstance(argument, list):
        return " ".join(map(flat, argument))
    return flat(argument.get("description")) if isinstance(argument, dict) else argument or ""


def banking77(documents: bytes, queries: bytes) -> Found:
    """Of each intent 3 questions of the test part, and 30 of the training part, which are what is wanted."""
    rnd = random.Random("banking77")
    known, asked = by_intent(documents, 30, rnd), by_intent(queries, 3, rnd)
    places = {intent: {str(n): 1 for n, (other, _) in enumerate(known) if other == intent} for intent, _ in asked}
    found = [(str(number), "", said) for number, (_, said) in enumerate(known)]
    labels = {f"q{number}": places[intent] for number, (intent, _) in enumerate(asked)}
    return Found(found, [(f"q{number}", said) for number, (_, said) in enumerate(asked)], labels)


def by_intent(data: bytes, most: int, rnd: random.Random) -> list[tuple[str, str]]:
    intents: dict[str, list[str]] = defaultdict(list)
    for row in table(data):
        intents[row["category"]].append(row["text"])
    return [(i, said) for i, all_ in sorted(intents.items()) for said in rnd.sample(all_, min(most, len(all_)))]


def sick(*parts: bytes) -> Found:
    rows = (row for data in parts for row in table(data, "\t"))
    return pairs((x["sentence_A"], x["sentence_B"], float(x["relatedness_score"]) >= 4.5) for x in rows)


def msrp(*parts: bytes) -> Found:
    rows = (line.split("\t") for data in parts for line in text(data, "utf-8-sig").splitlines()[1:])
    return pairs((row[3], row[4], row[0] == "1") for row in rows if len(row) == 5)


def mqp(data: bytes) -> Found:
    rows = csv.reader(io.StringIO(text(data)))
    return pairs((asked, other, same.strip() == "1") for _, asked, other, same in rows)


def rqe(data: bytes) -> Found:
    """A pair of equal texts adds a document alone."""
    rows = []
    for pair in ElementTree.fromstring(data).iter("pair"):
        asked, other = (plain(pair.findtext(part) or "") for part in ("chq", "faq"))
        rows.append((asked if asked != other else "", other, pair.get("value") == "true"))
    return pairs(rows)
