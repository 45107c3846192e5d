"""From files to answers in ten lines: python examples/search_files.py docs/ "how is a killed training continued"."""

import sys

from ropewalk.store import open_store
from ropewalk.systems.search.texts import Texts

with open_store("memory://") as store:
    texts = Texts(store, "files").add(sys.argv[1])
    for hit in texts.query(sys.argv[2], top=3):
        print(f"{hit['score']:.3f}  {hit['title'] or hit['id']}  ({hit['id']})")
    found = texts.ask(sys.argv[2])
    print(found["answer"] or "no passage answers this surely enough")
