"""What runs the project: its environment, JupyterLab, its notebooks and their checks."""
