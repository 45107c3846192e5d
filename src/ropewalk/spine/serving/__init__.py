"""A release as a web service (`serve`) or as a batch job on a file (`predict_file`); every answer becomes an event.

requests, explain   a contract as a decoder, and why a row is refused
answers, calls      a model's columns as rows, and when its call needs a thread
together            requests of one turn of the loop share a call
app, pages          the ASGI application: /predict on a lean path, the rest through Starlette
journal             events in a local file before the answer is sent, sealed into the store in batches
server              the process: listen, take over releases, stop without losing anything
batch               the same answers for files; chunks, files: their rows as a caller would send them

Nothing here knows the store or the registry: `current` and `append` are handed in.
"""

from ropewalk.spine.serving.app import Served
from ropewalk.spine.serving.server import serve

__all__ = ["Served", "serve"]
