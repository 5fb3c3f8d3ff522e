"""Bars for what takes its time, by tqdm, which is needed for this module alone.

>>> with progress.bar() as told:
...     lazai.prove_dataset(dataset, None, ledger, submitter, 1, folder, told)

A notebook shows them too. To cancel from elsewhere, set the event: the call raises ``LazaiError`` with code ``cancelled``,
and the same call goes on later.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lazai
from tqdm.auto import tqdm  # type: ignore[import-untyped]


@contextmanager
def bar(cancelled: threading.Event | None = None, **settings: Any) -> Iterator[Callable[[lazai.Progress], bool]]:
    """A callback for ``on_progress``: one bar for each stage, with what there is to say of it. ``settings`` are tqdm's."""
    shown: dict[str, Any] = {}

    def told(progress: lazai.Progress) -> bool:
        line = shown.get(progress.stage)
        if line is None:
            for earlier in shown.values():
                earlier.close()
            line = shown[progress.stage] = tqdm(desc=progress.stage, **settings)
        line.total = progress.total or None
        line.n = progress.done
        line.set_postfix_str(progress.note, refresh=False)
        line.refresh()
        return cancelled is None or not cancelled.is_set()

    try:
        yield told
    finally:
        for line in shown.values():
            line.close()
