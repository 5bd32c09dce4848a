import re

import pytest

from course_utils.feeding.pictures import photo_set


def test_the_representation_is_two_lines_without_a_path(photos):
    text = repr(photos)
    assert text.startswith(
        "40 photos of 8 classes: astronaut, cat, coffee, galaxies, motorcycle, retina, rocket, "
        "tissue\n1."
    )
    assert re.search(r"; 2\d\d to 5\d\d pixels wide, 2\d\d to 4\d\d high$", text)
    assert len(text.splitlines()) == 2
    assert str(photos.folder) not in text


def test_the_argument_goes_before_the_variable_and_an_empty_variable_counts_as_unset(
    own, cache, monkeypatch
):
    monkeypatch.setenv("COURSE_PICTURES", str(own / "nowhere"))
    assert photo_set(folder=own).source == "folder"
    monkeypatch.setenv("COURSE_PICTURES", " ")
    assert photo_set(8).source == "packaged photographs"


def test_the_packaged_photos_can_be_asked_for_whatever_the_variable_says(own, cache, monkeypatch):
    monkeypatch.setenv("COURSE_PICTURES", str(own))
    assert photo_set(8).source == "COURSE_PICTURES"
    assert photo_set(8, packaged=True).source == "packaged photographs"
    with pytest.raises(ValueError, match="give one of them"):
        photo_set(8, folder=own, packaged=True)


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"count": 0}, ValueError, "count must be 1 or more, found 0"),
        ({"seed": -1}, ValueError, "seed must be 0 or more, found -1"),
        ({"count": 2.5}, TypeError, "count must be a whole number, found 2.5"),
        ({"count": True}, TypeError, "count must be a whole number, found True"),
        ({"count": "many"}, TypeError, "count must be a whole number, found 'many'"),
    ],
)
def test_a_count_or_seed_that_is_none_is_refused(cache, arguments, kind, text):
    with pytest.raises(kind, match=text):
        photo_set(**arguments)


def test_importing_the_module_imports_nothing_heavy(ask_python):
    loaded = ask_python(
        "import sys, json, course_utils.feeding.pictures\n"
        "print(json.dumps([name for name in ('tensorflow', 'numpy', 'cv2', 'PIL', 'skimage', "
        "'matplotlib', 'tqdm', 'filelock', 'platformdirs') if name in sys.modules]))"
    )
    assert loaded == []
