"""Reading videos as cameras, phones, converters and accidents make them."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from av.video.reformatter import ColorRange

from deft.core.errors import DataError
from deft.media import Image, pictures, video
from deft.spotting import timeline

HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="session")
def images() -> list[Image]:
    """Forty frames of a coloured texture that moves to the left, 3 px per frame."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 120, 3)).astype(np.uint8)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
    return [np.ascontiguousarray(texture[:, 3 * at : 3 * at + WIDTH]) for at in range(40)]


def write(
    path: Path,
    images: Sequence[Image],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    *,
    seconds: Callable[[int], float] = lambda at: at / 60,
    fps: int | None = 60,
    turned: int = 0,
    pixel_aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode images; ``seconds`` tells when each is shown, and ``turned`` by how many degrees the player turns them."""
    height, width = images[0].shape[:2]
    time_base = Fraction(1, fps if path.suffix in {".ts", ".m2v", ".avi"} and fps else 1000)
    with av.open(path, "w") as file:
        stream = file.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = width, height, pixels, time_base
        stream.codec_context.time_base = time_base
        if turned:
            stream.set_display_rotation(turned)
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for at, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(seconds(at) / time_base), time_base
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def read(path: Path) -> list[video.Frame]:
    return list(video.frames(video.open_source(path), lambda number: True))


def error(image: Image, truth: Image) -> float:
    assert image.dtype == np.uint8
    assert image.shape == truth.shape
    return float(np.abs(image.astype(int) - truth).mean())


def packets(path: Path) -> list[tuple[int, int]]:
    """Position and size, in bytes, of each packet of a video."""
    with av.open(path) as file:
        return [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]


def damage(path: Path, numbers: Sequence[int]) -> Path:
    """Overwrite the second quarter of these packets with noise."""
    data, rng = bytearray(path.read_bytes()), np.random.default_rng(1)
    places = packets(path)
    for number in numbers:
        position, size = places[number]
        data[position + size // 4 : position + size // 2] = rng.bytes(size // 2 - size // 4)
    broken = path.with_stem("damaged")
    broken.write_bytes(data)
    return broken


def test_the_images_of_a_folder_are_intra_and_evenly_timed(images: list[Image], tmp_path: Path) -> None:
    for number in (2, 10, 1):
        (tmp_path / f"img{number}.png").write_bytes(pictures.encode(images[number]))
    frames = list(video.frames(video.open_source(tmp_path, fps=100), lambda number: True))
    assert [(frame.number, frame.seconds, frame.intra) for frame in frames] == [(0, 0, 1), (1, 0.01, 1), (2, 0.02, 1)]
    assert all(np.array_equal(frame.image, images[at]) for frame, at in zip(frames, (1, 2, 10), strict=True))


def test_frames_that_refer_to_others_are_not_intra(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "gop.mp4", images[:12], options={"g": "5", "sc_threshold": "0"})
    assert [frame.number for frame in read(path) if frame.intra] == [0, 5, 10]


@pytest.mark.parametrize(("codec", "pixels"), [("mjpeg", "yuvj420p"), ("ffv1", "yuv420p"), ("rawvideo", "yuv420p")])
def test_every_frame_of_an_intra_only_codec_is_intra(
    images: list[Image], tmp_path: Path, codec: str, pixels: str
) -> None:
    frames = read(write(tmp_path / "all.avi", images[:5], codec, pixels))
    assert [frame.intra for frame in frames] == 5 * [True]


def test_the_times_of_a_variable_frame_rate_are_kept(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "phone.mp4", images, seconds=lambda at: at / 60 + (at >= 20))
    times = [frame.seconds for frame in read(path)]
    assert times[19:21] == pytest.approx([19 / 60, 20 / 60 + 1], abs=0.002)


def test_times_count_from_the_first_frame(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "late.mkv", images[:3], seconds=lambda at: 7 + at / 60)
    assert [frame.seconds for frame in read(path)] == pytest.approx([0, 1 / 60, 2 / 60], abs=0.002)


@pytest.mark.parametrize("fps", [1, 240])
def test_slow_and_fast_videos_are_timed_by_their_own_rate(images: list[Image], tmp_path: Path, fps: int) -> None:
    path = write(tmp_path / "rate.mp4", images[:9], seconds=lambda at: at / fps, fps=fps)
    assert video.open_source(path).fps == pytest.approx(fps, rel=0.01)
    assert read(path)[-1].seconds == pytest.approx(8 / fps, abs=0.001)


def test_frames_with_equal_or_decreasing_times_stay_apart(images: list[Image], tmp_path: Path) -> None:
    path = tmp_path / "stutter.mkv"
    with av.open(path, "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        encoded = [stream.encode(av.VideoFrame.from_ndarray(image))[0] for image in images[:5]]
        for at, (packet, milliseconds) in enumerate(zip(encoded, (0, 40, 40, 20, 80), strict=True)):
            packet.pts, packet.dts, packet.time_base = milliseconds, at, Fraction(1, 1000)
            file.mux(packet)
    assert [frame.seconds for frame in read(path)] == pytest.approx([0, 0.040, 0.041, 0.042, 0.080])


def test_a_second_recording_in_the_same_file_follows_the_first(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "one.ts", images[:20], "mpeg2video", seconds=lambda at: at / 10, fps=10)
    both = tmp_path / "both.ts"
    both.write_bytes(2 * path.read_bytes())
    steps = np.diff([frame.seconds for frame in read(both)])
    assert len(steps) == 39
    assert steps == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_rotated_video_is_read_upright(images: list[Image], tmp_path: Path, turned: int) -> None:
    lying = [np.ascontiguousarray(np.rot90(image, -turned // 90)) for image in images[:3]]
    path = write(tmp_path / "lying.mp4", lying, turned=turned)
    assert error(read(path)[0].image, images[0]) < 6


def test_a_mirrored_video_is_mirrored_back(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "turned.mp4", [np.ascontiguousarray(images[0][:, ::-1])], turned=180)
    turned, mirrored = (struct.pack(">5i", x << 16, 0, 0, 0, y << 16) for x, y in ((-1, -1), (-1, 1)))
    assert path.read_bytes().count(turned) == 1
    path.write_bytes(path.read_bytes().replace(turned, mirrored))
    assert error(read(path)[0].image, images[0]) < 6


def test_interlaced_frames_are_made_whole_and_none_is_lost(images: list[Image], tmp_path: Path) -> None:
    woven = [image.copy() for image in images[:20:2]]
    for image, later in zip(woven, images[1:20:2], strict=True):
        image[::2] = later[::2]  # the lower field is the first
    options = {"flags": "+ildct+ilme", "x264-params": "bff=1", "qp": "4"}
    frames = read(write(tmp_path / "tv.mp4", woven, pixels="yuv444p", options=options, fps=25))
    assert [frame.number for frame in frames] == list(range(10))
    for frame, whole, combed in zip(frames, images[:20:2], woven, strict=True):
        assert error(frame.image, whole) < 0.4 * error(combed, whole)


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv422p", "yuv422p10le", "yuv444p", "yuvj420p"])
def test_any_pixels_are_read_as_eight_bits_of_rgb(images: list[Image], tmp_path: Path, pixels: str) -> None:
    path = write(tmp_path / "pixels.mp4", images[:3], pixels=pixels)
    assert error(read(path)[0].image, images[0]) < 6


def test_grey_video_is_read_as_grey_rgb(images: list[Image], tmp_path: Path) -> None:
    first = read(write(tmp_path / "grey.mkv", images[:1], "ffv1", "gray"))[0].image
    assert error(first, np.repeat(pictures.grey(images[0])[..., None], 3, axis=2)) < 1


@pytest.mark.parametrize("colour_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"])
def test_grey_levels_come_back_within_one(tmp_path: Path, pixels: str, colour_range: ColorRange) -> None:
    bits = 10 if "10" in pixels else 8
    levels = np.arange(256)
    full, limited = levels * (2**bits - 1) / 255, (16 + levels * 219 / 255) * 2 ** (bits - 8)
    kind = np.uint16 if bits > 8 else np.uint8
    frame = av.VideoFrame(256, 16, pixels)
    for number, plane in enumerate(frame.planes):
        samples = np.frombuffer(plane, kind).reshape(plane.height, -1)
        samples[:] = 2 ** (bits - 1)
        if number == 0:
            samples[:, :256] = np.rint(full if colour_range == ColorRange.JPEG else limited)
    frame.color_range, frame.pts = colour_range, 0
    path = tmp_path / "ramp.mkv"
    with av.open(path, "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 16, pixels
        stream.codec_context.color_range = colour_range
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    assert np.abs(read(path)[0].image.astype(int) - levels[:, None]).max() <= 1


def test_odd_sizes_are_kept(images: list[Image], tmp_path: Path) -> None:
    odd = np.ascontiguousarray(images[0][:33, :35])
    assert error(read(write(tmp_path / "odd.mkv", [odd], "ffv1"))[0].image, odd) < 4


@pytest.mark.parametrize(("aspect", "shape"), [((2, 1), (HEIGHT, 2 * WIDTH, 3)), ((1, 2), (2 * HEIGHT, WIDTH, 3))])
def test_pixels_are_stretched_to_squares(
    images: list[Image], tmp_path: Path, aspect: tuple[int, int], shape: tuple[int, int, int]
) -> None:
    path = write(tmp_path / "wide.mp4", images[:2], pixel_aspect=Fraction(*aspect))
    first = read(path)[0].image
    assert error(first, np.asarray(cv2.resize(images[0], shape[1::-1], interpolation=cv2.INTER_CUBIC))) < 6


def test_frames_of_another_size_are_scaled_to_the_first(images: list[Image], tmp_path: Path) -> None:
    small = [np.ascontiguousarray(image[::2, ::2]) for image in images[:4]]
    parts = [write(tmp_path / f"{at}.ts", part, "mpeg2video") for at, part in enumerate((images[:4], small))]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = read(both)
    assert len(frames) > 6  # the decoder drops the frame that it holds when the size changes
    assert {frame.image.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert error(frames[-1].image, images[3]) < 10


def test_picked_frames_are_those_of_the_same_number(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "picked.mp4", images)
    every = read(path)
    picked = list(video.pick(video.open_source(path), {30, 7, 99}))
    assert [frame.number for frame in picked] == [7, 30]
    for frame in picked:
        assert frame[:2] == every[frame.number][:2]
        assert np.array_equal(frame.image, every[frame.number].image)


def test_frames_after_the_last_picked_one_are_not_read(images: list[Image], tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(pictures.encode(images[0]))
    (tmp_path / "2.png").write_text("not an image")
    assert [frame.number for frame in video.pick(video.open_source(tmp_path), {0})] == [0]


def test_a_truncated_video_is_read_as_far_as_possible(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "whole.mkv", images, "mjpeg", "yuvj420p")
    whole = read(path)
    position, size = packets(path)[25]
    path.write_bytes(path.read_bytes()[: position + size // 2])
    frames = read(path)
    assert len(frames) == 25
    assert all(np.array_equal(frame.image, whole[frame.number].image) for frame in frames)


@pytest.mark.parametrize(
    ("name", "codec", "lost"),
    [("a.mp4", "libx264", [20]), ("b.mp4", "libx264", [39]), ("c.mkv", "ffv1", [20, 21]), ("d.mp4", "mpeg4", [20])],
)
def test_what_cannot_be_decoded_is_skipped_and_counted(
    images: list[Image], tmp_path: Path, name: str, codec: str, lost: list[int]
) -> None:
    path = write(tmp_path / name, images, codec)
    whole, frames = read(path), read(damage(path, lost))
    assert [frame.number for frame in frames] == list(range(len(images) - len(lost)))
    assert frames[0].damaged == 0
    assert frames[-1].damaged == len(lost)
    for frame, undamaged in zip(frames[:15], whole[:15], strict=True):
        assert frame[:2] == undamaged[:2]
        assert np.array_equal(frame.image, undamaged.image)


def test_a_damaged_video_gives_the_same_bytes_each_time(images: list[Image], tmp_path: Path) -> None:
    path = damage(write(tmp_path / "h.mp4", images), [8, 9, 25])
    for first, second in zip(read(path), read(path), strict=True):
        assert first[:2] == second[:2]
        assert np.array_equal(first.image, second.image)


def test_a_damaged_video_is_noted(tmp_path: Path) -> None:
    source = video.Source(tmp_path, (), 60.0, 40)
    result = timeline.Timeline(source, 30, 0.5, [], 6.5, damaged=10)
    assert any("10 frames could not be decoded" in note for note in result.notes)
    assert not any("truncated" in note for note in result.notes)


def test_a_stream_without_a_frame_count_or_a_length_is_read(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "bare.m2v", images, "mpeg2video", fps=60)
    assert video.open_source(path).declared_frames == 0
    assert len(read(path)) == len(images)


def boxes(data: bytes) -> list[bytes]:
    """The boxes, one after the other, of which an .mp4 or one of its boxes consists."""
    parts = []
    while data:
        size = int.from_bytes(data[:4], "big")
        parts.append(data[:size])
        data = data[size:]
    return parts


def with_cover(path: Path, cover: Image, add_stream: Callable[[av.container.OutputContainer], list[av.Packet]]) -> Path:
    """Write an .mp4 with a cover picture that its header names before the other stream."""
    with av.open(path, "w") as file:
        picture = file.add_stream("mjpeg", rate=1)
        picture.height, picture.width, picture.pix_fmt = *cover.shape[:2], "yuvj420p"
        picture.disposition = Disposition.attached_pic
        encoded = add_stream(file)
        file.mux(picture.encode(av.VideoFrame.from_ndarray(cover)))
        file.mux(encoded)
    *others, movie = boxes(path.read_bytes())
    parts = boxes(movie[8:])
    assert movie[4:8] == b"moov"
    assert parts[-1][4:8] == b"udta"
    path.write_bytes(b"".join([*others, movie[:8], parts[-1], *parts[:-1]]))
    return path


def test_a_cover_picture_is_not_taken_for_the_video(images: list[Image], tmp_path: Path) -> None:
    def add_video(file: av.container.OutputContainer) -> list[av.Packet]:
        stream = file.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        frames = [av.VideoFrame.from_ndarray(image) for image in images[:9]]
        return [packet for frame in [*frames, None] for packet in stream.encode(frame)]

    path = with_cover(tmp_path / "tagged.mp4", images[0][:32, :32].copy(), add_video)
    with av.open(path) as file:
        assert file.streams.video[0].disposition & Disposition.attached_pic
    assert [frame.image.shape for frame in read(path)] == 9 * [(HEIGHT, WIDTH, 3)]


def add_sound(file: av.container.OutputContainer) -> list[av.Packet]:
    stream = file.add_stream("aac", rate=44100)
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
    frame.rate = 44100
    return [*stream.encode(frame), *stream.encode()]


def sound(path: Path) -> Path:
    with av.open(path, "w") as file:
        file.mux(add_sound(file))
    return path


def test_a_file_of_sound_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no readable video"):
        video.open_source(sound(tmp_path / "voice.mp4"))


def test_sound_with_a_cover_picture_is_refused(images: list[Image], tmp_path: Path) -> None:
    path = with_cover(tmp_path / "song.mp4", images[0], add_sound)
    with pytest.raises(DataError, match="without moving pictures"):
        video.open_source(path)


def test_a_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video")
    with pytest.raises(DataError, match="holds no readable video"):
        video.open_source(path)


def test_a_video_without_its_index_is_refused(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "cut.mp4", images)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="copy it again if it is cut off"):
        video.open_source(path)


def test_a_video_of_which_no_frame_can_be_decoded_is_refused(images: list[Image], tmp_path: Path) -> None:
    path = damage(write(tmp_path / "noise.mp4", images[:3]), range(3))
    with pytest.raises(DataError, match="holds no readable video"):
        video.open_source(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(DataError, match="an empty file"):
        video.open_source(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        video.open_source(tmp_path / "missing.mp4")


def test_a_colon_in_a_name_is_no_protocol(images: list[Image], tmp_path: Path) -> None:
    path = write(tmp_path / "take.mp4", images[:2]).rename(tmp_path / "http:take %03d.mp4")
    assert len(read(path)) == 2
