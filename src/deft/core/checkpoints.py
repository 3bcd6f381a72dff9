"""Explain why a pretrained checkpoint cannot be loaded."""

from pathlib import Path

from safetensors import SafetensorError

from deft.core.errors import DataError

UNLOADABLE = (OSError, ValueError, SafetensorError)  # what transformers raises for files that are not what they must be


def unusable(where: str, error: Exception, expected: str, remedy: str) -> DataError:
    """Return the error for a folder or a Hugging Face name, given at the end of ``where``, that cannot be loaded."""
    folder = Path(where.split(": ", 1)[1])
    found = "no such folder, and no such model in the hub's cache"
    if folder.is_dir():
        found = "an incomplete model"
        endings = {path.suffix for path in folder.iterdir()}
        if ".safetensors" not in endings and endings & {".bin", ".pt", ".pth"}:
            found = "pickled weights, which could run code"
            remedy = "save them as safetensors where you trust them: model.save_pretrained(...)"
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DataError(where, f"{found} ({reason})", expected, remedy)
