import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deft.facs import regions
from deft.facs.units import UNITS
from deft.motion import evidence

Points = npt.NDArray[np.float32]


def mirrored(points: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.asarray(points[regions.MIRROR] * [-1, 1] + [256, 0])


def turned(points: npt.NDArray[np.floating], angle: float, scale: float = 1.0) -> npt.NDArray[np.floating]:
    sine, cosine = math.sin(angle), math.cos(angle)
    return np.asarray((points.astype(float) - 128) @ np.array([[cosine, sine], [-sine, cosine]]) * scale + 128)


def as_set(polygon: npt.NDArray[np.floating]) -> list[tuple[float, float]]:
    return sorted((round(float(x), 2), round(float(y), 2)) for x, y in polygon)


def swapped(region: str) -> str:
    return {"R": region.replace("right", "left"), "L": region.replace("left", "right")}.get(
        regions.side(region) or "", region
    )


def test_there_are_seventeen_regions(points: Points) -> None:
    assert len(regions.REGIONS) == 17
    assert tuple(regions.polygons(points)) == regions.REGIONS


@pytest.mark.parametrize("region", [name for name in regions.REGIONS if regions.side(name) == "R"])
def test_right_is_the_subjects_and_so_left_in_the_picture(points: Points, region: str) -> None:
    polygons = regions.polygons(points)
    assert polygons[region].mean(0)[0] < points[27:31, 0].mean() < polygons[swapped(region)].mean(0)[0]


@pytest.mark.parametrize("region", [name for name in regions.REGIONS if regions.side(name) is None])
def test_a_region_of_the_midline_reaches_to_both_sides(points: Points, region: str) -> None:
    x = regions.polygons(points)[region][:, 0]
    assert x.min() < points[[27, 28, 29, 33, 51, 57, 8], 0].mean() < x.max()


def test_regions_stand_from_brow_to_chin(points: Points) -> None:
    height = {name: float(polygon[:, 1].mean()) for name, polygon in regions.polygons(points).items()}
    order = ["right inner brow", "right eye", "right cheek", "right mouth corner", "chin"]
    assert sorted(order, key=height.__getitem__) == order


def test_each_region_holds_pixels_of_the_face(points: Points) -> None:
    masks = evidence.masks(points, (256, 256))
    iod = regions.axes(points).iod
    assert min(mask.sum() for mask in masks.values()) > 0.01 * iod**2


def test_mirror_is_its_own_inverse() -> None:
    np.testing.assert_array_equal(regions.MIRROR[regions.MIRROR], np.arange(68))


@pytest.mark.parametrize("region", regions.REGIONS)
def test_a_mirrored_face_has_mirrored_regions(points: Points, region: str) -> None:
    there = regions.polygons(mirrored(points.astype(float)))[swapped(region)]
    here = regions.polygons(points.astype(float))[region] * [-1, 1] + [256, 0]
    np.testing.assert_allclose(as_set(there), as_set(here), atol=0.02)


@given(st.floats(-math.pi, math.pi), st.floats(0.2, 5))
def test_axes_turn_and_scale_with_the_face(points: Points, angle: float, scale: float) -> None:
    upright, face = regions.axes(points.astype(float)), regions.axes(turned(points, angle, scale))
    assert face.iod == pytest.approx(scale * upright.iod)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    np.testing.assert_allclose(face.left, upright.left @ rotation, atol=1e-6)
    np.testing.assert_allclose(face.down, upright.down @ rotation, atol=1e-6)


@given(st.floats(-math.pi, math.pi), st.floats(0.2, 5))
def test_regions_turn_and_scale_with_the_face(points: Points, angle: float, scale: float) -> None:
    there = regions.polygons(turned(points, angle, scale))
    for region, polygon in regions.polygons(points.astype(float)).items():
        np.testing.assert_allclose(there[region], turned(polygon, angle, scale), atol=1e-3)


def test_left_points_right_and_down_points_down_in_an_upright_picture(points: Points) -> None:
    face = regions.axes(points)
    assert face.left[0] > 0.99
    assert face.down[1] > 0.99


def test_every_sign_stands_in_a_region() -> None:
    places = {regions.place(region) for region in regions.REGIONS} | {"lips"}
    assert {sign.place for unit in UNITS.values() for sign in unit.signs} <= places
    assert set(regions.NEIGHBOURS) == places - {"lips"}


def test_what_lies_beside_a_region_has_it_beside_itself() -> None:
    for place, around in regions.NEIGHBOURS.items():
        assert all(place in regions.NEIGHBOURS[other] for other in around)
