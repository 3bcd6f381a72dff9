"""Ours against its peers: the same pairs in turn, one process and one thread each."""

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

SEED = 2026  # no setting was chosen on its pairs
OURS, YARDSTICK = "deft", "DualTVL1"
CLIPS = 4  # of the sequence's time
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def figures(peers: Path, folder: Path) -> dict[str, Any]:
    """Time and endpoint error of every solver, and what the bars ask for; writes the pairs into ``folder``.

    ``peers`` is the Python of the peers' environment. A pair's error is the mean over its pixels, px; ``error_px`` is
    the mean over pairs, ``ms`` the median time of a pair.
    """
    made = pairs.make(SEED)
    path = folder / "pairs.npz"
    stacked = {key: np.stack([getattr(pair, key) for pair in made]) for key in pairs.Pair._fields[1:]}
    np.savez(path, allow_pickle=False, **stacked)
    found = _in_turn(peers, path, len(made))
    ms = {name: float(np.median(each[:, 0])) for name, each in found.items()}
    error = {name: float(each[:, 1].mean()) for name, each in found.items()}
    against = found[OURS][:, 1] / found[YARDSTICK][:, 1]
    return {
        "pairs": len(made),
        "solvers": {name: {"ms": round(ms[name], 2), "error_px": round(error[name], 4)} for name in found},
        "times_faster": {name: round(ms[name] / ms[OURS], 2) for name in found if name != OURS},
        "error_against_dual_tvl1": round(error[OURS] / error[YARDSTICK], 3),
        "worst_pair_against_dual_tvl1": round(float(against.max()), 3),
        "worst_pair": made[int(against.argmax())].name,
        "sequence_frames_per_s": round(_sequence(), 1),
    }


def _in_turn(peers: Path, path: Path, count: int) -> dict[str, NDArray[np.float64]]:
    """Solver → (milliseconds, error) of each pair, (count, 2): each pair goes to all solvers, one after the other."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in peer.SOLVERS}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_server(name, peers, path)) for name in peer.SOLVERS}
        for at in tqdm(range(count), desc="pairs", unit=""):
            for name, server in servers.items():
                answer = json.loads(_ask(server, f"{at}\n"))
                found[name].append((answer["ms"], answer["error_px"]))
    return {name: np.array(answers) for name, answers in found.items()}


@contextmanager
def _server(name: str, peers: Path, path: Path) -> Iterator[subprocess.Popen[str]]:
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
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(text)
    server.stdin.flush()
    answer = server.stdout.readline()
    if not answer:
        raise RuntimeError(f"{server.args!r}: ended; its message stands above")
    return answer


def _sequence() -> float:
    """Frames a second of ``flow_sequence`` over rendered clips, 256 × 256."""
    frames = pairs.sequences(SEED, CLIPS)
    for _ in tvl1.flow_sequence(frames[0][:3]):  # compile
        pass
    started = time.perf_counter()
    for clip in frames:
        for _ in tvl1.flow_sequence(clip):
            pass
    return sum(len(clip) - 1 for clip in frames) / (time.perf_counter() - started)


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table: solver, milliseconds, times slower than ours, error, against DualTVL1's."""
    solvers = found["solvers"]
    yardstick = solvers[YARDSTICK]["error_px"]
    return [
        (
            name,
            f"{each['ms']:.1f}",
            "" if name == OURS else f"{found['times_faster'][name]:.1f}",
            f"{each['error_px']:.3f}",
            f"{each['error_px'] / yardstick:.2f}",
        )
        for name, each in solvers.items()
    ]
