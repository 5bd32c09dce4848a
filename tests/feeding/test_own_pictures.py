import shutil

import numpy as np
import pytest
from PIL import Image

from course_utils.feeding.pictures import photo_set
from course_utils.feeding.readers import read_photo

ENDINGS = ("jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff", "JPEG", "PnG")


def test_own_pictures_replace_the_set(own, monkeypatch):
    monkeypatch.setenv("COURSE_PICTURES", str(own))
    mine = photo_set()
    assert mine.source == "COURSE_PICTURES"
    assert mine.classes == ("cat", "dog")
    assert mine.folder == own
    assert np.bincount(mine.labels).tolist() == [3, 9]
    assert all(
        path.parent.name == mine.classes[label]
        for path, label in zip(mine.paths, mine.labels, strict=True)
    )
    assert len(set(mine.paths)) == 12
    assert all(mine.sizes)
    assert str(own) not in repr(mine)


def test_own_pictures_are_drawn_evenly_with_the_seed(own):
    assert photo_set(folder=own).source == "folder"
    six = photo_set(6, folder=own)
    assert np.bincount(six.labels).tolist() == [3, 3]
    assert photo_set(6, folder=own).paths == six.paths
    assert photo_set(12, folder=own).paths[:6] == six.paths
    assert photo_set(6, seed=1, folder=own).paths != six.paths
    assert len(photo_set(1, folder=own)) == 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_is_known_and_readable(tmp_path, ending):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (30, 20), "red").save(tmp_path / name / f"x.{ending}")
    mine = photo_set(folder=tmp_path)
    assert mine.sizes == ((30, 20), (30, 20))
    assert read_photo(mine.paths[0], 4, 4).shape == (4, 4, 3)


def test_a_single_unreadable_picture_stays_in_the_set(own):
    (own / "cat" / "broken.jpg").write_bytes(b"")
    mine = photo_set(folder=own)
    assert len(mine) == 13
    assert mine.sizes[mine.paths.index(own / "cat" / "broken.jpg")] is None


def refused(kind, folder, *words):
    with pytest.raises(kind) as refusal:
        photo_set(folder=folder)
    text = str(refusal.value)
    for word in (str(folder), "Expected: a folder with two or more class folders", *words):
        assert word in text
    return text


def test_a_folder_that_is_not_there(tmp_path):
    refused(FileNotFoundError, tmp_path / "gone", "doesn't exist")


def test_a_file_instead_of_a_folder(photos):
    refused(NotADirectoryError, photos.paths[0], "is a file")


def test_no_class_folders(tmp_path, photos):
    refused(ValueError, tmp_path, "neither folders nor pictures")
    for number in range(2):
        shutil.copy(photos.paths[number], tmp_path)
    refused(ValueError, tmp_path, "no class folders, only 2 loose pictures")


def test_only_one_class(own):
    shutil.rmtree(own / "dog")
    refused(ValueError, own, "one class folder with pictures (cat)")


def test_folders_without_pictures_directly_in_them(own):
    (own.parent / "more" / "train").mkdir(parents=True)
    own.rename(own.parent / "more" / "train" / "own")
    refused(
        ValueError, own.parent / "more", "only folders without pictures directly in them: train."
    )


def test_a_class_of_which_nothing_decodes(own):
    for path in (own / "cat").glob("*.JPG"):
        path.write_text("text", encoding="utf-8")
    refused(ValueError, own, "no readable picture of class cat: 3 tried", "not a picture")


def test_the_variable_is_named_in_the_refusal(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PICTURES", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match=r"COURSE_PICTURES: the folder .* doesn't exist"):
        photo_set()


def test_a_folder_without_permission(public_folder, photos, refusal):
    for name in ("cat", "dog"):
        (public_folder / name).mkdir()
        shutil.copy(photos.paths[0], public_folder / name / "1.jpg")
    for closed in (public_folder / "dog", public_folder):
        closed.chmod(0o000)
        kind, text = refusal(COURSE_PICTURES=str(public_folder))
        assert kind == "PermissionError"
        assert f"the folder {closed} can't be read: no permission" in text
    public_folder.chmod(0o755)
