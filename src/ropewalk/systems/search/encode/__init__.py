"""Text as unit vectors: `minilm()`, or any local ONNX folder by `from_folder(path)`.

encoder = minilm(cache=folder, precision="int8")
vectors = encoder.encode(["a text", "another"])       # float32 [2, 384], each row of length 1
"""

from .cache import Cached, cached
from .encoder import Encoder
from .folder import from_folder
from .minilm import minilm

__all__ = ["Encoder", "minilm", "from_folder", "cached", "Cached"]
