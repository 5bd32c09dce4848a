"""A finding that can't fail is found, and what only looks like one passes."""

import nbformat
import pytest

from course_utils.project import finding_rules

NEW = nbformat.v4


def code(source, *tags, text="done", **given):
    outputs = [NEW.new_output("stream", text=text)] if text else []
    cell = NEW.new_code_cell(source, execution_count=1, outputs=outputs, **given)
    cell.metadata = {"tags": list(tags)} if tags else {}
    return cell


def test_a_finding_reached_through_other_names_counts():
    later = [code("a = measured.ratio()"), code("b, c = a, 1"), code('finding("x", b, 1, "y")')]
    assert finding_rules.feeds_a_finding("measured = race()", later)
    assert not finding_rules.feeds_a_finding("other = race()", later)


def test_a_finding_that_is_itself_ignored_does_not_count():
    later = [code('finding("x", measured, 1, "y")', "nbval-ignore-output")]
    assert not finding_rules.feeds_a_finding("measured = race()", later)


def literals(*sources):
    notebook = NEW.new_notebook(cells=[code(source) for source in sources])
    return [each for _, each in finding_rules.literal_findings(notebook)]


@pytest.mark.parametrize(
    "sources",
    [
        ('x = 3\nfinding("99.x", x, 3, "Three.")',),
        ("x = -3", 'finding("99.x", measured=x, bound=-3, verdict="Three.")'),
        ('x = (1, "a")', "print(x)", 'finding("99.x", x, (1, "a"), "Both.")'),
        ("x = y = None", 'finding("99.x", [x, y], [None, None], "Nothing.")'),
        ("x = count()\nx = 3", 'finding("99.x", x, 3, "Three.")'),
        ('x = 3\nwith nothing():\n    finding("99.x", x, 3, "Three.")',),
        ('with nothing():\n    x = 3\n    finding("99.x", x, 3, "Three.")',),
        ('if more():\n    x = 3\n    finding("99.x", x, 3, "Three.")',),
        ('def f():\n    x = 3\n    finding("99.x", x, 3, "Three.")',),
        ('try:\n    go()\nexcept E:\n    x = 3\n    finding("99.x", x, 3, "Three.")',),
        ('x, y = 3, 4\nfinding("99.x", x, 3, "Three.")',),
        ('x: int = 3\nfinding("99.x", x, 3, "Three.")',),
        ('y = 3\nx = y\nfinding("99.x", x, 3, "Three.")',),
        ('y = 3\nx = y == 3\nfinding("99.x", x, True, "Three.")',),
        ('x = 2\nfinding("99.x", x + 1, 3, "Three.")',),
        ("x = 3\ndef f(x):\n    x = 1", 'finding("99.x", x, 3, "Three.")'),
        ("x = 3\ny[0] = 1", 'finding("99.x", -x, -3, "Three.")'),
    ],
)
def test_a_finding_of_a_literal_by_name_is_found(sources):
    (found,) = literals(*sources)
    assert "finding '99.x' can't fail" in found


@pytest.mark.parametrize(
    "source",
    [
        "x = 0\nfor y in z:\n    x += 1",
        "x = 0\nwhile more():\n    x = x + 1",
        "x = 0\nif more():\n    x = 1",
        "x = 0\ntry:\n    go()\n    x = 1\nexcept ValueError:\n    pass",
        "x = 0\ndef f():\n    global x\n    x = 1\nf()",
        "def g():\n    x = 0\n    def f():\n        nonlocal x\n        x = 1\n    f()\nx = 0",
        "x = 0\nfor x in z:\n    pass",
        "x = 0\nprint(x := count())",
        "x = 0\nwith opened() as x:\n    pass",
        "x = 0\nimport x",
        "x = []\nx.append(1)",
        "x = {}\nfill(x)",
        "x = ([],)\nx[0].append(1)",
        "x, y = count()",
        "x = count()",
        "y = [0]\nx = y",
        "*x, y = 1, 2",
        "x = 0\nif more():\n    import x",
        "x = 0\nif more():\n    def x(): ...",
        "x = 0\ntry:\n    go()\nexcept ValueError as x:\n    kept = x",
        "x = 0\nmatch go():\n    case {'a': 1, **x}:\n        pass",
        "x = 0\nmatch go():\n    case [y, *x]:\n        pass",
        "x = 0\n[x := y for y in z]",
        "x = 0\nfrom y import *",
        "x = 0\nexec('x = count()')",
        "x = 0\nglobals()['x'] = count()",
        "x = 0\n%time x = count()",
    ],
)
def test_what_may_have_changed_is_no_literal(source):
    assert literals(source, 'finding("99.x", x, 3, "Three.")') == []
    assert literals(source + '\nfinding("99.x", x, 3, "Three.")') == []


def test_a_cell_magic_may_assign():
    assert literals("x = 0", "%%time\nx = count()", 'finding("99.x", x, 3, "Three.")') == []


def test_a_cell_that_stops_may_not_have_assigned():
    cells = [
        code("x = count()"),
        code("go()\nx = 3", "raises-exception"),
        code('finding("99.x", x, 3, "Three.")'),
    ]
    assert finding_rules.literal_findings(NEW.new_notebook(cells=cells)) == []
    cells[1].metadata = {}
    found = finding_rules.literal_findings(NEW.new_notebook(cells=cells))
    assert [number for number, _ in found] == [2]


@pytest.mark.parametrize(
    "source",
    [
        'def f(x):\n    finding("99.x", x, 3, "Three.")\n\n\nf(count())',
        'def f():\n    x = count()\n    finding("99.x", x, 3, "Three.")\n\n\nf()',
        'def f():\n    finding("99.x", x, 3, "Three.")\n\n\nx = count()\nf()',
        'f = lambda x: finding("99.x", x, 3, "Three.")\nf(count())',
        '[finding("99.x", x, 3, "Three.") for x in counts()]',
        'for x in counts():\n    finding("99.x", x, 3, "Three.")',
        'while more():\n    finding("99.x", x, 3, "Three.")\n    x = count()',
        'if more():\n    x = count()\n    finding("99.x", x, 3, "Three.")',
        'match count():\n    case x:\n        finding("99.x", x, 3, "Three.")',
    ],
)
def test_a_name_in_another_place_may_hold_something_else(source):
    assert literals("x = 3", source) == []
    assert literals(f"x = 3\n{source}") == []


@pytest.mark.parametrize("measured", ["len(dataset.take(x))", "x.encode()", "[y for y in x]"])
def test_a_function_of_a_literal_is_a_measurement(measured):
    assert literals(f'x = "é"\nfinding("99.x", {measured}, 2, "Two.")') == []
