"""The disk that a SQLite file is on: whether it lasts."""

from pathlib import Path

import pytest

from database import disk

MOUNTS = """22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
23 22 0:5 / /tmp rw,nosuid - tmpfs tmpfs rw
24 22 0:6 / /data rw master:3 propagate_from:1 - xfs /dev/sdb rw
25 22 0:7 / /my\\040disk rw - overlay overlay rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/x.db", "ext4"),
        ("/tmp/a/x.db", "tmpfs"),
        ("/data/x.db", "xfs"),
        ("/my disk/x.db", "overlay"),
        ("/tmpx", "ext4"),
    ],
)
def test_the_file_system_of_a_file_is_that_of_its_nearest_mount(path, kind):
    assert disk.file_system(Path(path), MOUNTS) == kind


def test_a_file_lasts_where_its_platform_and_its_file_system_do(monkeypatch):
    assert disk.fleeting("/srv/x.db", {"DYNO": "web.1"}) == "this platform"
    monkeypatch.setattr(disk, "file_system", lambda _: "overlay")
    assert disk.fleeting("/srv/x.db", {}) == "this disk (overlay)"
    monkeypatch.setattr(disk, "file_system", lambda _: "ext4")
    assert disk.fleeting("/srv/x.db", {}) == ""
