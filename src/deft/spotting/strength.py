"""How strongly each sample shows the motion of some Action Units: a matched filter over what flow and mesh measured.

For a pattern p of the regions' motion and their motion x with standard deviation σ, the filter

    z = Σ p x / σ²  /  √(Σ p² / σ²)

has unit variance where nothing moves (Turin 1960, doi:10.1109/TIT.1960.1057571); the largest z over all patterns is the
filter's answer. x is the flow's, unless the mesh moves farther than flow can follow, and the pictures show that flow
did not.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deft.prior import Prior, layout
from deft.prior.calibration import log_odds
from deft.spotting import IS_EYE, Doubles
from deft.spotting.patterns import patterns
from deft.spotting.series import Series, running_median, running_quantile

FLOOR = 0.025 / 80  # eye distances: no face at rest is measured better; codecs copy blocks, which are exactly still
MESH = (1.5 / 80, 3.0 / 80)  # eye distances: a region moves by the flow below, and by the mesh above, if
LOST_FIT = (0.7, 0.9)  # the region's fit is below; by the flow above
AT_REST = (0.25, 1.15)  # quantile in time of the noise, and its usual ratio to the median
_MESH_NOISE = 0.35 / 80  # eye distances: of a region's mean over the mesh
_HEAD_SHARE = 0.1  # of the head's shift: compensation never leaves more of it than this
_GAZE_SHARE = 0.3  # of an eye's outward motion: turning eyes make the lids appear to move by less than this
_LID_WEIGHT = 0.5  # of lids against other skin: they follow gaze a little
_BLINK_PULL = 0.15  # of the lids' motion: how far a blink appears to drag other skin
DROWNED = 0.3 / 80  # eye distances: noise in which a micro-expression drowns
QUICK_REST_S, QUICK_SPREAD_S = 2.0, 4.0  # windows of the rest and of the spread while the head turns
QUICK_QUANTILE = 0.8  # of the size of a motion in that window, which a normal distribution puts at 1.28 σ
QUICK_SIGMA = 1.5 / 1.28  # standard deviations taken for it, per that quantile: a turn's motion is not normal
QUICK_LEAST = 0.7  # of the median over all regions: the least standard deviation of one
ROOT = 3.0  # of the odds by which the filter's answer is multiplied
MOST_LOG_ODDS = 4.0
_LED = 0.5  # share of a region's motion that is the mesh's, from which the prior's field is not to be trusted
_REST_EVERY_S, _REST_STRIDE = 0.35, 3  # how often a field's rest is computed, and of every how many samples
_LID_UNITS = [number for number, unit in enumerate(layout.UNITS) if unit in (5, 7, layout.BLINK)]
_MAD = 1.4826 / 1.1774  # the median of a motion's absolute value → standard deviation; motion is half at rest


class Strength(NamedTuple):
    """motion, sigma: (n, 17, 2), outward and upward; of an eye upward and apart; noise: (n,), of one region's mean.

    z: (n,), the filter's answer, weighed by the motion prior's odds that units moved.
    """

    motion: Doubles
    sigma: Doubles
    noise: Doubles
    z: Doubles


def strength(measured: Series, blinking: npt.NDArray[np.bool_], prior: Prior | None, rest_s: float) -> Strength:
    """Return the strength of each sample; lids do not count while they blink (n,).

    Rest is the running median over ``rest_s`` seconds: what fills less than half of them does not become the rest.

    With a ``prior``, noise that happens to lie in the regions of a unit counts for less than its motion: the filter's
    answer is multiplied by odds^(1/3), where the odds are the prior's for the likeliest unit. Motion that flow cannot
    follow is beyond the prior, and counts in full.
    """
    window = measured.count(rest_s)
    lead = window // 2

    def from_rest(values: Doubles) -> Doubles:
        return np.asarray(values - running_median(values, window, lead))

    def spread(values: Doubles) -> Doubles:
        return np.asarray(_MAD * running_median(np.abs(values), window, lead))

    flow_from_rest = from_rest(measured.displacement)
    flow, mesh = _skin_motion(flow_from_rest), _skin_motion(from_rest(measured.mesh))  # (n, 17, 2)
    lost = 1 - _smooth_step(measured.region_fits[..., None], *LOST_FIT)  # (n, 17, 1)
    far = lost * _smooth_step(np.linalg.norm(mesh, axis=2, keepdims=True), *MESH)
    motion = (1 - far) * flow + far * mesh
    noise = _noise(measured, window)  # (n,)
    flow_sigma = np.maximum(noise[:, None, None], spread(flow))
    mesh_sigma = np.maximum(_MESH_NOISE, spread(mesh))
    sigma = np.hypot((1 - far) * flow_sigma, far * mesh_sigma)
    sigma = _without_lids(sigma, blinking)
    motion = _without_pull(motion, flow_from_rest[:, IS_EYE, 1:], blinking)
    z = _filtered(motion, sigma)
    if prior is not None:
        weight = _weight(measured, blinking, prior, window)
        z *= np.where(far.max((1, 2)) > _LED, np.maximum(weight, 1.0), weight)
    return Strength(motion, sigma, noise, z)


def quick_strength(measured: Series, blinking: npt.NDArray[np.bool_], prior: Prior, usual: Strength) -> Strength:
    """Return the strength of motion that is quicker than a head turns, where a turn drowns the ``usual`` strength.

    A turn in depth moves near skin past far skin by more than two terms can take off, but slowly. So motion counts from
    the median of two seconds, and as far as it stands out from what the same region does in these seconds around.
    Elsewhere z is 0.
    """
    window = measured.count(QUICK_REST_S)
    from_rest = np.asarray(measured.displacement - running_median(measured.displacement, window, window // 2))
    motion = _skin_motion(from_rest)
    high = running_quantile(np.abs(motion), QUICK_QUANTILE, measured.count(QUICK_SPREAD_S))
    sigma = np.maximum(QUICK_SIGMA * high, FLOOR)
    sigma = np.maximum(sigma, QUICK_LEAST * np.median(sigma, axis=(1, 2), keepdims=True))
    sigma = _without_lids(sigma, blinking)
    motion = _without_pull(motion, from_rest[:, IS_EYE, 1:], blinking)
    weight = _weight(measured, blinking, prior, window)
    z = np.where(usual.noise > DROWNED, weight * _filtered(motion, sigma), 0.0)
    return Strength(motion, sigma, usual.noise, z)


def _without_lids(sigma: Doubles, blinking: npt.NDArray[np.bool_]) -> Doubles:
    """Return standard deviations (n, 17, 2) by which lids do not count while they blink."""
    return np.where(blinking[:, None, None] & IS_EYE[:, None], np.inf, sigma)


def _filtered(motion: Doubles, sigma: Doubles) -> Doubles:
    """Return the matched filter's answer (n,), the largest over all patterns, to motion (n, 17, 2)."""
    precision = 1 / sigma**2
    by_pattern = np.einsum("nrc,prc->np", motion * precision, patterns())
    by_pattern /= np.sqrt(np.einsum("nrc,prc->np", precision, patterns() ** 2))
    return np.asarray(np.maximum(by_pattern.max(1), 0.0))


def _weight(measured: Series, blinking: npt.NDArray[np.bool_], prior: Prior, window: int) -> Doubles:
    """Return odds^(1/3) of the likeliest unit in each sample (n,), by the prior, from where the face rests."""
    count, half = len(measured.seconds), window // 2
    middles = np.arange(0, count, measured.count(_REST_EVERY_S))
    rests = [np.median(measured.field[max(0, at - half) : at + half + 1 : _REST_STRIDE], axis=0) for at in middles]
    nearest = np.abs(np.arange(count)[:, None] - middles).argmin(1)
    by_unit = log_odds(prior.answer(measured.field - np.array(rests)[nearest]).either.astype(float))  # (n, units)
    by_unit[:, _LID_UNITS] = np.where(blinking[:, None], -np.inf, by_unit[:, _LID_UNITS])
    return np.asarray(np.exp(np.minimum(by_unit.max(1), MOST_LOG_ODDS) / ROOT))


def _noise(measured: Series, window: int) -> Doubles:
    """Return the noise (n,) of a face at rest, raised to a sample's own noise while the head is displaced.

    It is raised at most to what compensation may leave of the head's shift. A broad expression leaves little of the
    face still, and raises the noise of its frames; so the lower quartile in time counts.
    """
    noise = measured.noise.copy()
    noise[0] = noise[min(1, len(noise) - 1)]  # that of the first sample, its own reference, is 0
    from_head = np.minimum(noise, _HEAD_SHARE * measured.head_shift)
    usual = AT_REST[1] * running_quantile(noise, AT_REST[0], window)
    return np.asarray(np.maximum(np.maximum(usual, from_head), FLOOR))


def _skin_motion(from_rest: Doubles) -> Doubles:
    """Return each region's motion from rest (n, 17, 2): outward and upward; of an eye, upward and opening.

    What gaze may have contributed to an eye's motion is taken off.
    """
    gaze = _GAZE_SHARE * np.abs(from_rest[..., :1])  # (n, 17, 1)
    lids = np.sign(from_rest[..., 1:]) * np.maximum(np.abs(from_rest[..., 1:]) - gaze, 0)  # (n, 17, 2)
    return np.where(IS_EYE[:, None], _LID_WEIGHT * lids, from_rest[..., :2])


def _without_pull(motion: Doubles, lids: Doubles, blinking: npt.NDArray[np.bool_]) -> Doubles:
    """Return motion (n, 17, 2), shorter by what a blink may have dragged, given the lids' motion (n, 2, 2)."""
    pull = (_BLINK_PULL * np.linalg.norm(lids, axis=2).mean(1) * blinking)[:, None, None]
    length = np.linalg.norm(motion, axis=2, keepdims=True)
    return np.asarray(motion * np.maximum(length - pull, 0) / np.maximum(length, 1e-12))


def _smooth_step(values: Doubles, low: float, high: float) -> Doubles:
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(share**2 * (3 - 2 * share))
