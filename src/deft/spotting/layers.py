"""What a face's regions do, out of dense flow and out of the vertices of a mesh."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.spatial import Delaunay

from deft.facs import regions
from deft.motion import compensation, evidence
from deft.spotting import IS_EYE, Doubles, Floats

Mask = npt.NDArray[np.bool_]  # (H, W)

_LEAST_AREA = 1e-3  # px², of a triangle that counts


class Layers(NamedTuple):
    """Where the regions of one reference lie: on pixels, and on a mesh.

    masks: (H, W) of each region. pixels, vertices: what each pixel and each vertex counts for the mean over the upper
    and the lower half of each region, (34, pixels) and (34, vertices). sizes: the halves' numbers of pixels, (17, 2).
    stable: what each vertex counts for the mean over the skin that expressions hardly move, (vertices,).
    """

    axes: regions.Axes
    outward: Floats  # (17, 2): the unit vector that points out of the face from each region
    masks: list[Mask]
    pixels: csr_array
    vertices: Doubles
    sizes: Doubles
    stable: Doubles

    def of_flow(self, flow: Floats) -> Floats:
        """Return how far each region moves outward and upward, and its halves apart, (17, 3), in eye distances.

        flow: (H, W, 2), in px.
        """
        return self._by_region(self.pixels @ flow.reshape(-1, 2))

    def of_mesh(self, moved: Doubles) -> Floats:
        """Return the same from the displacements (vertices, 2), in px, of a mesh."""
        return self._by_region(self.vertices @ moved)

    def _by_region(self, means: npt.NDArray[np.floating]) -> Floats:
        """Return the same from the mean displacements of the regions' halves (34, 2)."""
        halves = means.reshape(-1, 2, 2)
        shares = (self.sizes / np.maximum(self.sizes.sum(1, keepdims=True), 1))[..., None]  # (17, 2, 1)
        whole = (halves * shares).sum(1)  # (17, 2)
        whole[IS_EYE] = halves[IS_EYE].mean(1)  # both lids count alike, however much of each is visible
        outward = (whole * self.outward).sum(1)  # (17,)
        upward = -whole @ self.axes.down  # (17,)
        opening = (halves[:, 1] - halves[:, 0]) @ self.axes.down  # (17,)
        return (np.stack([outward, upward, opening], 1) / self.axes.iod).astype(np.float32)


def layers(points: Floats, vertices: Doubles, shape: tuple[int, int]) -> Layers:
    """Lay the regions over a picture (H, W) with landmarks (68, 2) and a mesh's vertices (n, 2), all in px."""
    axes = regions.axes(points)
    masks = evidence.masks(points, shape)
    halves = [half for region, mask in masks.items() for half in evidence.halves(region, mask, points, axes.down)]
    *on_mesh, stable = _on_mesh([*halves, compensation.stable_area(points, shape)], vertices)
    return Layers(
        axes=axes,
        outward=np.array([regions.outward(region, axes) for region in regions.REGIONS], np.float32),
        masks=list(masks.values()),
        pixels=means(halves),
        vertices=np.array(on_mesh),
        sizes=np.array([np.count_nonzero(half) for half in halves], float).reshape(-1, 2),
        stable=stable,
    )


def means(masks: Sequence[Mask]) -> csr_array:
    """Return the matrix (masks, pixels) that takes the mean over each mask (H, W), or 0 over an empty one."""
    inside = [np.flatnonzero(mask) for mask in masks]
    counts = np.array([len(pixels) for pixels in inside])
    shares = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(counts)])
    return csr_array((shares, np.concatenate(inside), starts), shape=(len(masks), masks[0].size))


def _on_mesh(masks: Sequence[Mask], vertices: Doubles) -> list[Doubles]:
    """Return what each vertex counts for the mean over each mask, (vertices,), by linear interpolation between them."""
    triangles = Delaunay(vertices).simplices  # (m, 3)
    number = np.full(masks[0].shape, -1, np.int32)  # of the triangle in which a pixel lies
    corners = vertices[triangles]  # (m, 3, 2)
    for index, corner in enumerate(np.rint(corners).astype(np.int32)):
        cv2.fillConvexPoly(number, corner, index)
    sides = corners[:, :2] - corners[:, 2:]  # (m, 2, 2)
    usable = np.abs(np.linalg.det(sides)) > _LEAST_AREA
    sides[~usable] = np.eye(2)
    inverse = np.linalg.inv(sides)
    weights = []
    for mask in masks:
        rows, columns = np.nonzero(mask & (number >= 0))
        found = number[rows, columns]
        two = np.einsum("ni,nij->nj", np.column_stack([columns, rows]) - corners[found, 2], inverse[found])
        shares = np.column_stack([two, 1 - two.sum(1)]) * usable[found, None]  # (n, 3): barycentric
        total = np.bincount(triangles[found].ravel(), shares.ravel(), minlength=len(vertices))
        weights.append(total / max(total.sum(), 1e-9))
    return weights
