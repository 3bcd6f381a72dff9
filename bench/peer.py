"""One solver in a process of its own, on one thread: reads pair numbers, writes milliseconds and endpoint error.

Run: ``python bench/peer.py NAME PAIRS.npz``. The script imports only what the solver NAME needs, so that it runs in any
environment.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Solver = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.floating]]


def deft() -> Solver:
    """Return our solver."""
    return importlib.import_module("deft.motion.tvl1").flow  # type: ignore[no-any-return]


def dual_tvl1() -> Solver:
    """Return OpenCV contrib's DualTVL1 with its defaults (Zach et al. 2007; Sánchez et al. 2013)."""
    cv2 = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    return lambda reference, target: solver.calc(reference, target, None)


def dis() -> Solver:
    """Return OpenCV's DIS, preset medium (Kroeger et al. 2016)."""
    cv2 = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return lambda reference, target: solver.calc(reference, target, None)


def scikit_image() -> Solver:
    """Return scikit-image's optical_flow_tvl1 with its defaults, its rows-first flow turned to x, y."""
    solve = importlib.import_module("skimage.registration").optical_flow_tvl1
    return lambda reference, target: np.moveaxis(solve(reference, target)[::-1], 0, -1)


SOLVERS = {"deft": deft, "DualTVL1": dual_tvl1, "scikit-image": scikit_image, "DIS": dis}


def main() -> None:
    """Solve the pair of each number on standard input, until the input ends."""
    name, path = sys.argv[1:]
    solve = SOLVERS[name]()
    with np.load(path) as pairs:
        references, targets = pairs["reference"], pairs["target"]  # (n, 256, 256)
        truths, visible = pairs["truth"], pairs["visible"]  # (n, 256, 256, 2), (n, 256, 256)
    solve(references[0], targets[0])  # compiles or loads on first use
    print("ready", flush=True)
    for line in sys.stdin:
        index = int(line)
        started = time.perf_counter()
        flow = solve(references[index], targets[index])
        seconds = time.perf_counter() - started
        error = np.linalg.norm(flow - truths[index], axis=-1)[visible[index]].mean()
        print(json.dumps({"ms": 1000 * seconds, "error_px": float(error)}), flush=True)


if __name__ == "__main__":
    main()
