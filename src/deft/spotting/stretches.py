"""Searching tracks of any length: in stretches that overlap, so that neither memory nor events depend on the length."""

from collections.abc import Iterator

import numpy as np

from deft.spotting import Sample, Segment, Spotter

MARGIN_S = 10.0  # on either side of what a stretch is searched for: events that reach less far do not depend on it


class Searcher:
    """Searches one person's samples, which come in order of time, with a spotter."""

    def __init__(self, spotter: Spotter, stretch_s: float = 60.0) -> None:
        self._spotter, self._stretch_s = spotter, stretch_s
        self._samples: list[Sample] = []
        self._reported_s = -np.inf  # what lies up to here has been yielded

    def add(self, sample: Sample) -> Iterator[Segment]:
        """Yield what can be told once this sample is known."""
        if sample.starts_track:
            yield from self.finish()
        self._samples.append(sample)
        if sample.seconds - self._samples[0].seconds >= self._stretch_s + 2 * MARGIN_S:
            end_s = sample.seconds - MARGIN_S
            yield self._segment(end_s)
            self._reported_s = end_s
            self._samples = [kept for kept in self._samples if kept.seconds >= end_s - MARGIN_S]

    def finish(self) -> Iterator[Segment]:
        """Yield the rest of the track."""
        if self._samples:
            yield self._segment(np.inf)
        self._samples = []

    def _segment(self, until_s: float) -> Segment:
        """Search the samples, and keep what lies after the last report and not after ``until_s``."""
        found, after_s = self._spotter.search(self._samples), self._reported_s
        inside = (found.seconds > after_s) & (found.seconds <= until_s)  # (n,)
        return Segment(
            events=[event for event in found.events if after_s < event.apex_s <= until_s],
            seconds=found.seconds[inside],
            z=found.z[inside],
            head_speed=found.head_speed[inside],
            speaking=found.speaking[inside],
        )
