"""The worked example of CONTRIBUTING.md works as it is printed there."""

import re
from pathlib import Path

import pytest

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first

GUIDE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def evens():
    """The exercise that the guide's blocks of code define, one after the other."""
    section = GUIDE.partition("## To write an exercise")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = {"Exercise": Exercise, "Mistake": Mistake, "Wrong": Wrong, "first": first}
    for block in blocks[:4]:
        exec(compile(block, "CONTRIBUTING.md", "exec"), names)
    (exercise,) = (each for each in names["EXERCISES"] if each is not ...)
    return exercise


def test_its_solution_passes(evens):
    assert evens.check(evens.solution) is None


def test_each_of_its_mistakes_gets_its_message(evens):
    assert len(evens.mistakes) == 2
    for mistake in evens.mistakes:
        with pytest.raises(Wrong) as wrong:
            evens.check(mistake.answer)
        assert str(wrong.value) == mistake.message


def test_an_answer_that_nobody_foresaw_is_told_what_was_expected(evens):
    with pytest.raises(Wrong, match=r"should yield \[0, 2, 4\]. Yours yields \[1, 3\]"):
        evens.check(lambda n: iter([1, 3]))
