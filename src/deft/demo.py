"""``deft demo``: a page that only this machine can see. Who drops a film reads of each event what it shows, and why."""

import os
import shutil
import signal
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from tqdm import tqdm

from deft import inference
from deft.core.errors import DataError
from deft.media import video
from deft.models.deft import store
from deft.report import watched

HOST = "127.0.0.1"  # nobody else can see the page
MAX_MB = 200  # of a film: two minutes of a phone's; more is refused before it is uploaded
MAX_S = 120  # of a film: somebody waits before the page; longer ones are for `deft predict`
LEFT_S = 3600  # after which a film goes whose visitor left before it was watched

FONTS = ["system-ui", "sans-serif"]  # what the machine has: nothing is fetched
WORDS = {"upload_text.drop_file": "Drop a film here", "upload_text.click_to_upload": "Choose one"}

TITLE = """
<h1>What did this face do?</h1>
<p>Drop a film of a face. deft measures how its skin moves, finds each expression, however short, and says what it saw,
which Action Units that speaks for, and what coders tend to call them.</p>
"""
NOTICE = f"""
<p><b>Read it with care.</b> This says what skin did, not what a person feels, thinks or hides; the word for it is often
wrong. Use it on people who agreed to it, and on nobody else.</p>
<p>The film stays on this machine, and is deleted as soon as it was watched. At most {MAX_S} s and {MAX_MB} MB;
<code>deft predict</code> takes longer ones.</p>
"""


def serve(model: Path, port: int) -> None:
    """Serve the page with the tuned model in the folder ``model`` until somebody stops it; then the process ends, and
    nothing is left behind.

    Raises:
        DataError: the model cannot be read, or the port is taken.

    """
    store.measurement(model)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to be stopped by a system is like Ctrl-C
    with tempfile.TemporaryDirectory(prefix="deft-demo-") as folder:
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        import gradio as gr  # which asks for both when it is imported

        served = page(model)
        try:
            served.launch(
                server_name=HOST, server_port=port, share=False, quiet=True, prevent_thread_lock=True,
                max_file_size=f"{MAX_MB}mb", theme=gr.themes.Base(font=FONTS, font_mono=FONTS), i18n=gr.I18n(en=WORDS),
                css=(resources.files("deft.report") / "templates" / "demo.css").read_text(encoding="utf-8"),
                footer_links=[], run_history=False, enable_monitoring=False, ssr_mode=False,
            )  # fmt: skip
        except OSError:
            raise DataError(f"port {port}", "another program", "a free port", "choose one with --port") from None
        print(f"http://{HOST}:{port} (Ctrl-C ends it)", flush=True)
        served.block_thread()
    os._exit(0)  # a film may still be watched: Python would end its thread within the decoder, which aborts


def page(model: Path) -> Any:
    """The page, to be launched."""
    import gradio as gr  # as in `serve`

    with gr.Blocks(title="deft", analytics_enabled=False, delete_cache=(LEFT_S, LEFT_S)) as built:
        gr.HTML(TITLE, elem_id="title", apply_default_css=False)
        upload = gr.File(label="Film", elem_id="upload", height=180)
        shown = gr.HTML(elem_id="shown", apply_default_css=False)
        gr.HTML(NOTICE, elem_id="notice", apply_default_css=False)
        progress = gr.Progress(track_tqdm=True)

        def look(upload: dict[str, Any], _: Any = progress) -> tuple[str, None]:
            path, name = Path(upload["path"]), str(upload["orig_name"])
            try:
                return watch(path, name, model), None
            except DataError as error:
                return watched.refused(name, error), None
            finally:
                shutil.rmtree(path.parent, ignore_errors=True)  # gone if another visitor dropped the same film

        # Not preprocessed: for that Gradio would leave an empty file behind each time.
        upload.upload(
            look, upload, [shown, upload], preprocess=False, show_progress_on=shown, api_visibility="private",
            concurrency_limit=1,
        )  # fmt: skip
    return built


def watch(path: Path, name: str, model: Path) -> str:
    """What there is to say of a film, as HTML.

    Raises:
        DataError: it is none, is too long, or shows no face.

    """
    source = video.open_source(path)
    if _too_long(source):
        raise DataError(path, "a longer film", f"one of at most {MAX_S} s", "cut it, or give it to deft predict")
    film = inference.watch(source, model)
    answers = inference.answers(source, film.events, model)
    return watched.html(name, film, tqdm(answers, total=len(film.events), desc="events", unit=" events", disable=None))


def _too_long(source: video.Source) -> bool:
    """Whether a film lasts more than `MAX_S`; one that does not say how many frames it has is run through to see."""
    if source.promises:
        return source.promises > MAX_S * source.fps
    return any(frame.seconds > MAX_S for frame in video.frames(source, lambda number: True))
