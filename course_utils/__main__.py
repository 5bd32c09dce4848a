"""The course's commands: `python -m course_utils lab`, `test`, `execute` and so on.

This file is read by whatever Python the user has, so it keeps to a syntax that every Python knows,
and imports nothing but the standard library until it stands in the course's environment.
"""

import os
import subprocess
import sys

SUITABLE = ((3, 11), (3, 12), (3, 13))  # TensorFlow 2.21 has wheels for these


def main():
    """Run the command line with a suitable Python."""
    if sys.version_info[:2] in SUITABLE:
        from course_utils.project.commands import run

        return run(sys.argv[1:])
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    python = another_python(here)
    if python:
        command = " ".join(python)
        print("This is Python %d.%d; using %s instead." % (sys.version_info[:2] + (command,)))
        sys.stdout.flush()
        environment = dict(os.environ, PYTHONPATH=here)
        return subprocess.call(python + ["-m", "course_utils"] + sys.argv[1:], env=environment)
    sys.stderr.write(
        "This is Python %d.%d; the course needs Python 3.11, 3.12 or 3.13 (TensorFlow 2.21 exists\n"
        "for no other), and none is on the PATH. Install one, for example with\n"
        "    uv python install 3.11        or your system's package manager\n"
        "and name it:\n"
        "    make lab PYTHON=python3.11   (without make:  python3.11 -m course_utils lab)\n"
        % sys.version_info[:2]
    )
    return 1


def another_python(here):
    """Find a suitable Python that really starts; None if there is none."""
    folders = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    # The course's own first: another one would make the environment anew.
    commands = [[os.path.join(here, ".venv", *folders)]]
    for minor in (11, 12, 13):
        commands += [["python3.%d" % minor], ["py", "-3.%d" % minor]]
    code = "import sys; sys.exit(sys.version_info[:2] not in %r)" % (SUITABLE,)
    for command in commands:
        try:
            with open(os.devnull, "w") as nowhere:
                found = subprocess.call(command + ["-c", code], stdout=nowhere, stderr=nowhere)
        except OSError:
            continue
        if found == 0:
            return command
    return None


if __name__ == "__main__":
    sys.exit(main())
