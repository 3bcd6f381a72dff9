"""What a face's regions do, out of dense flow and out of the vertices of a mesh."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from deft.facs import regions
from deft.motion import compensation, evidence
from deft.spotting import Doubles, Floats

_STRIDE = 2  # px between the places at which a mesh is interpolated

_EYES = [index for index, region in enumerate(regions.REGIONS) if regions.place(region) == "eye"]


class Layers(NamedTuple):
    """Where the regions of one reference lie: on pixels, and on a mesh.

    pixels: the indices of each region's upper and lower half, 17 pairs. weights: how much each vertex counts for the
    mean over a half of a region, (17, 2, vertices), and over the skin that expressions hardly move, ``stable``
    (vertices,); both sum to 1, and are those of linear interpolation between the vertices.
    """

    axes: regions.Axes
    outward: Floats  # (17, 2): the unit vector that points out of the face from each region
    masks: list[npt.NDArray[np.bool_]]  # (H, W) of each region
    pixels: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]
    weights: Doubles
    stable: Doubles

    def of_flow(self, flow: Floats) -> Floats:
        """Return how far each region moves outward and upward, and its halves apart, (17, 3), in eye distances.

        flow: (H, W, 2), in px.
        """
        vectors = flow.reshape(-1, 2)
        return self._by_region(np.array([[_mean(vectors[half]) for half in pair] for pair in self.pixels]))

    def of_mesh(self, moved: Doubles) -> Floats:
        """Return the same from the displacements (vertices, 2), in px, of a mesh."""
        return self._by_region(self.weights @ moved)

    def _by_region(self, halves: npt.NDArray[np.floating]) -> Floats:
        """Return the same from the mean displacements of the regions' halves (17, 2, 2)."""
        sizes = np.array([[len(half) for half in pair] for pair in self.pixels], float)[..., None]  # (17, 2, 1)
        means = (halves * sizes).sum(1) / np.maximum(sizes.sum(1), 1)  # (17, 2)
        means[_EYES] = halves[_EYES].mean(1)  # both lids count alike, however much of each is visible
        outward = (means * self.outward).sum(1)  # (17,)
        upward = -means @ self.axes.down  # (17,)
        opening = (halves[:, 1] - halves[:, 0]) @ self.axes.down  # (17,)
        return (np.stack([outward, upward, opening], 1) / self.axes.iod).astype(np.float32)


def layers(points: Floats, vertices: Doubles, shape: tuple[int, int]) -> Layers:
    """Lay the regions over a picture (H, W) with landmarks (68, 2) and a mesh's vertices (n, 2), all in px."""
    axes = regions.axes(points)
    triangles = Delaunay(vertices)
    masks = evidence.masks(points, shape)
    halves = [evidence.halves(region, mask, points, axes.down) for region, mask in masks.items()]
    stable = compensation.stable_area(points, shape)
    return Layers(
        axes=axes,
        outward=np.array([regions.outward(region, axes) for region in regions.REGIONS], np.float32),
        masks=list(masks.values()),
        pixels=[(np.flatnonzero(upper), np.flatnonzero(lower)) for upper, lower in halves],
        weights=np.array([[_weights(half, triangles) for half in pair] for pair in halves]),
        stable=_weights(stable, triangles),
    )


def _weights(mask: npt.NDArray[np.bool_], triangles: Delaunay) -> Doubles:
    """Return how much each vertex counts for the mean over a mask (H, W), (vertices,)."""
    rows, columns = np.nonzero(mask)
    places = np.column_stack([columns, rows]).astype(float)[::_STRIDE]
    found = triangles.find_simplex(places)
    places, found = places[found >= 0], found[found >= 0]
    total = np.zeros(len(triangles.points))
    if not len(found):
        return total
    to_corners = triangles.transform[found]  # (n, 3, 2)
    two = np.einsum("nij,nj->ni", to_corners[:, :2], places - to_corners[:, 2])
    shares = np.column_stack([two, 1 - two.sum(1)])  # (n, 3): barycentric
    np.add.at(total, triangles.simplices[found], shares)
    return np.asarray(total / total.sum())


def _mean(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return the mean (2,) of vectors (n, 2), or zero if there are none."""
    return vectors.mean(0) if len(vectors) else np.zeros(2, np.float32)
