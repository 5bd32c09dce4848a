from course_utils.classroom.source import fenced, source


def documented(n):
    """Say what it does.

    At some length.
    """
    # a comment stays
    return n


def undocumented(n):
    return n


def test_a_source_is_shown_as_written():
    assert repr(source(documented)).startswith('def documented(n):\n    """Say what it does.')
    assert source(documented)._repr_markdown_() == f"```python\n{source(documented)!r}\n```"


def test_a_source_can_leave_its_docstring_out():
    text = source(documented, docstring=False).text
    assert text == "def documented(n):\n    # a comment stays\n    return n"
    assert source(undocumented, docstring=False).text == "def undocumented(n):\n    return n"


def test_a_source_with_a_fence_in_it_gets_a_longer_one():
    assert fenced("a = '```'") == "````python\na = '```'\n````"
