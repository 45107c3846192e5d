"""Text as unit vectors: `minilm()`, or any local ONNX folder by `from_folder(path)`; `cached` keeps them in a store.

encoder = cached(minilm(cache=store.cache("encoders")), store)
vectors = encoder.encode(["a text", "another"])       # float32 [2, 384], each row of length 1
"""

from .cache import cached, tidy
from .encoder import Encoder
from .folder import from_folder
from .minilm import minilm

__all__ = ["Encoder", "minilm", "from_folder", "cached", "tidy"]
