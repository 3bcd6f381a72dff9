"""Compare our solver with its peers on the same pairs, in turn, one process and one thread each."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bench import pairs, peer
from deft.motion import tvl1

SEED = 2026  # no parameter was chosen on these pairs
OURS, REFERENCE = "deft", "DualTVL1"
CLIPS = 4  # that the time of a sequence is measured on
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def figures(peers: Path, folder: Path) -> dict[str, Any]:
    """Return time and endpoint error of every solver, and their ratios to ours; writes the pairs into ``folder``.

    ``peers`` is the Python of the peers' environment. A pair's error is the mean over its visible pixels, in px;
    ``error_px`` is the mean over pairs, ``ms`` the median time per pair.
    """
    made = pairs.make(SEED)
    path = folder / "pairs.npz"
    pairs.save(path, made)
    measured = _in_turn(peers, path, len(made))
    ms = {name: float(np.median(measurements[:, 0])) for name, measurements in measured.items()}
    error = {name: float(measurements[:, 1].mean()) for name, measurements in measured.items()}
    ratio = measured[OURS][:, 1] / measured[REFERENCE][:, 1]  # (pairs,)
    return {
        "pairs": len(made),
        "solvers": {name: {"ms": round(ms[name], 2), "error_px": round(error[name], 4)} for name in measured},
        "times_faster": {name: round(ms[name] / ms[OURS], 2) for name in measured if name != OURS},
        "error_against_dual_tvl1": round(error[OURS] / error[REFERENCE], 3),
        "worst_pair_against_dual_tvl1": round(float(ratio.max()), 3),
        "worst_pair": made[int(ratio.argmax())].name,
        "sequence_frames_per_s": round(_sequence(), 1),
    }


def _in_turn(peers: Path, path: Path, count: int) -> dict[str, NDArray[np.float64]]:
    """Return solver → (milliseconds, error) of each pair, (count, 2); all solvers take turns on each pair."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in peer.SOLVERS}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_server(name, peers, path)) for name in peer.SOLVERS}
        for index in tqdm(range(count), desc="pairs", unit=""):
            for name, server in servers.items():
                answer = json.loads(_ask(server, f"{index}\n"))
                measured[name].append((answer["ms"], answer["error_px"]))
    return {name: np.array(measurements) for name, measurements in measured.items()}


@contextmanager
def _server(name: str, peers: Path, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a solver's process, `bench.peer`, and wait until it is ready."""
    python = sys.executable if name == OURS else str(peers)
    command = [python, str(Path(peer.__file__)), name, str(path)]
    environment = os.environ | ONE_THREAD
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as server:
        _ask(server, "")
        yield server
        assert server.stdin is not None
        server.stdin.close()


def _ask(server: subprocess.Popen[str], text: str) -> str:
    """Write a text to a solver's process, and return the line that it answers."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(text)
    server.stdin.flush()
    answer = server.stdout.readline()
    if not answer:
        raise RuntimeError(f"{server.args!r}: ended; its error message is above")
    return answer


def _sequence() -> float:
    """Return the frames per second of ``flow_sequence`` on rendered clips, 256 × 256."""
    frames = pairs.sequences(SEED, CLIPS)
    for _ in tvl1.flow_sequence(frames[0][:3]):  # compile
        pass
    started = time.perf_counter()
    for clip in frames:
        for _ in tvl1.flow_sequence(clip):
            pass
    return sum(len(clip) - 1 for clip in frames) / (time.perf_counter() - started)


def rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the table's rows: solver, ms, times slower than ours, error in px, error against DualTVL1's."""
    solvers = results["solvers"]
    reference_error = solvers[REFERENCE]["error_px"]
    return [
        (
            name,
            f"{solver['ms']:.1f}",
            "" if name == OURS else f"{results['times_faster'][name]:.1f}",
            f"{solver['error_px']:.3f}",
            f"{solver['error_px'] / reference_error:.2f}",
        )
        for name, solver in solvers.items()
    ]
