"""Who sees which images."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controlplane.model.image import Image
from controlplane.service import images
from tests.unit.region import NOW, Region

PROJECTS = ("proj-a", "proj-b", "proj-c")
IMAGE = Image("", "", "", "", "raw", 1, 1, "0" * 64, NOW, {})
IMAGES = st.builds(
    lambda number, owner, is_public, shared, is_gone: replace(
        IMAGE,
        id=f"ami-{number}",
        name=f"n{number}",
        project_id=owner,
        is_public=is_public,
        launch_permissions=tuple(shared),
        deregistered_at=NOW if is_gone else None,
    ),
    st.integers(0, 3),
    st.sampled_from(PROJECTS),
    st.booleans(),
    st.lists(st.sampled_from(PROJECTS), unique=True),
    st.booleans(),
)


@given(st.lists(IMAGES))
def test_a_project_sees_its_own_images_shared_ones_and_public_ones(rows: list[Image]) -> None:
    region = Region()
    for row in rows:
        region.put(row)
    for project_id in PROJECTS:
        seen = {row.id for row in images.select(region.state, region.call(project_id), [])}
        assert seen == {
            row.id
            for row in region.state.images
            if (row.is_public or project_id in (row.project_id, *row.launch_permissions)) and not row.deregistered_at
        }
