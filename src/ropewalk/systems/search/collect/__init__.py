"""Files, archives and streams become documents; what can not be used is set aside with its reason.

from ropewalk.systems.search.collect import CollectSettings, collect
found = collect("docs/", job, CollectSettings(licence="MIT"))
found.documents   # lazy: id, title, text, language, source, licence, time, origin, and the fields that the source has
found.set_aside   # source, position, reason
"""

from ropewalk.systems.search.collect.gather import Collected, collect
from ropewalk.systems.search.collect.settings import CollectSettings

__all__ = ["collect", "Collected", "CollectSettings"]
