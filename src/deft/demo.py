"""``deft demo``: a page that only this machine can see, on which a video can be dropped and its events opened."""

import os
import shutil
import signal
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from tqdm import tqdm

from deft import inference
from deft.core import params
from deft.core.errors import DataError
from deft.media import video
from deft.report import video_page

if TYPE_CHECKING:
    import gradio as gr

HOST = "127.0.0.1"  # nobody else can see the page
MAX_MB = 200  # of a video: two minutes of a phone's; a larger one is refused before it is uploaded
MAX_S = 120  # of a video: somebody waits before the page; longer ones are for `deft predict`
LEFT_S = 3600  # after which an uploaded video is deleted if its visitor left before it was watched

FONTS = ["system-ui", "sans-serif"]  # what the machine has: nothing is fetched
WORDS = {"upload_text.drop_file": "Drop a video here", "upload_text.click_to_upload": "Choose one"}

TITLE = """
<h1>What did this face do?</h1>
<p>Drop a video of a face. deft measures how the skin moves, finds each expression, however short, and says what moved,
which Action Units that speaks for, and what coders tend to call them.</p>
"""
NOTICE = f"""
<p><b>Read it with care.</b> This says what skin did, not what a person feels, thinks or hides; the word for it is often
wrong. Use it on people who agreed to it, and on nobody else.</p>
<p>The video stays on this machine, and is deleted as soon as it has been watched. At most {MAX_S} s and {MAX_MB} MB;
<code>deft predict</code> takes longer ones.</p>
"""


class Upload(TypedDict):
    """What the page says of an uploaded file: where it lies, and what the visitor calls it."""

    path: str
    orig_name: str


def serve(model: Path, port: int) -> None:
    """Serve the page with the tuned model in the folder ``model`` until somebody stops it; then the process ends.

    The model is loaded once, before the page is served. No uploaded file is left behind.

    Raises:
        DataError: the model cannot be read, or the port is taken.

    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the system's stop is handled like Ctrl-C
    with (
        inference.load(model, params.spotting()) as recogniser,
        tempfile.TemporaryDirectory(prefix="deft-demo-") as folder,
    ):
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        import gradio as gr  # reads both when it is imported

        served = page(recogniser)
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
    os._exit(0)  # a video may still be read: Python would end its thread within the decoder, which aborts


def page(recogniser: inference.Recogniser) -> "gr.Blocks":
    """Return the page, ready to be launched."""
    import gradio as gr  # as in `serve`

    with gr.Blocks(title="deft", analytics_enabled=False, delete_cache=(LEFT_S, LEFT_S)) as built:
        gr.HTML(TITLE, elem_id="title", apply_default_css=False)
        upload = gr.File(label="Video", elem_id="upload", height=180)
        shown = gr.HTML(elem_id="shown", apply_default_css=False)
        gr.HTML(NOTICE, elem_id="notice", apply_default_css=False)
        progress = gr.Progress(track_tqdm=True)

        def answer(upload: Upload, _: gr.Progress = progress) -> tuple[str, None]:
            path, name = Path(upload["path"]), upload["orig_name"]
            try:
                return watch(path, name, recogniser), None
            except DataError as error:
                return video_page.refused(name, error), None
            finally:
                shutil.rmtree(path.parent, ignore_errors=True)  # gone if another visitor dropped the same video

        # Not preprocessed: for that Gradio would leave an empty file behind each time.
        upload.upload(
            answer, upload, [shown, upload], preprocess=False, show_progress_on=shown, api_visibility="private",
            concurrency_limit=1,
        )  # fmt: skip
    return built


def watch(path: Path, name: str, recogniser: inference.Recogniser) -> str:
    """Return what the model says of a video's events, as HTML; ``name`` is what the visitor calls the video.

    Raises:
        DataError: the file is no video, is too long, or shows no face.

    """
    source = video.open_source(path)
    if _too_long(source):
        raise DataError(path, "a longer video", f"one of at most {MAX_S} s", "cut it, or give it to deft predict")
    timeline = inference.spot(source, recogniser)
    answers = inference.recognise(source, timeline.events, recogniser)
    shown = tqdm(answers, total=len(timeline.events), desc="events", unit=" events", disable=None)
    return video_page.html(name, timeline, shown, recogniser.note)


def _too_long(source: video.Source) -> bool:
    """Return whether a video lasts more than `MAX_S`; one that does not say how many frames it has is read to see."""
    if source.declared_frames:
        return source.declared_frames > MAX_S * source.fps
    return any(frame.seconds > MAX_S for frame in video.frames(source, lambda number: True))
