"""The exercises: one file a lesson, each with task, check, hints, solution and mistakes."""
