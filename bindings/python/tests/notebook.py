"""Runs the notebook from top to bottom; with a second argument, keeps it with what it showed."""

import os
import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": os.getcwd()}}).execute()
images = sum("image/png" in o.get("data", {}) for cell in notebook.cells for o in cell.get("outputs", []))
assert images == 3, f"{images} pictures"
if len(sys.argv) > 2:
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            if output.get("name") == "stderr":
                continue  # bars are for who watches
            if kept and output.get("name") == kept[-1].get("name") == "stdout":
                kept[-1].text += output.text
            else:
                kept.append(output)
        cell.outputs = kept
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, sys.argv[2])
print(f"{len(notebook.cells)} cells, {images} pictures")
