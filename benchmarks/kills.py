"""A thousand times kill -9, on every verb: what tests/test_kills.py does two hundred times in the suite.

    python benchmarks/kills.py [1000]       # some five minutes on two cores

After each death the verb is run again and must end with the ids, hashes, names and files of a life that was not
disturbed, nothing torn, nothing lost, and nothing left behind after a collection. Prints a line a verb.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import test_kills
from forks import Forks
from worlds import COIN, SCENES, World


def main(total):
    share = total / (sum(scene.kills for scene in SCENES.values()) + test_kills.SERVED)
    deaths = survived = 0
    print(f"{'verb':10} {'deaths':>7} {'ended well':>11} {'steps':>6} {'seconds':>8}")
    with tempfile.TemporaryDirectory() as name, Forks(name, COIN) as forks:
        world = World(Path(name), forks)
        for verb, scene in SCENES.items():
            if not scene.kills:
                continue
            begun, wanted = time.monotonic(), round(scene.kills * share)
            done, _ = world.undisturbed(verb)
            died = well = 0
            draw = 0
            while died < wanted:  # a death that came too late is drawn again
                draw += 1
                for death in test_kills.deaths(verb, done, wanted + draw)[: wanted - died]:
                    try:
                        killed = test_kills.survive(world, verb, death)
                    except AssertionError as error:
                        killed = True
                        well -= 1
                        print(f"  {verb} {death}: {str(error)[:400]}", flush=True)
                    died += killed
                    well += killed
            print(f"{verb:10} {died:7} {well:11} {len(done.places):6} {time.monotonic() - begun:8.1f}", flush=True)
            deaths, survived = deaths + died, survived + well
        begun, wanted = time.monotonic(), total - deaths
        answered = test_kills.kill_services(world, wanted)
        print(
            f"{'serve':10} {wanted:7} {wanted:11} {'':6} {time.monotonic() - begun:8.1f}  {answered:,} answers, all kept"
        )
        deaths, survived = deaths + wanted, survived + wanted
    print(f"{deaths:,} deaths, {survived:,} ended well")
    return 0 if deaths == survived else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
