"""How much memory rounds of something leave behind."""

import gc
import os

MEASURED = os.path.exists("/proc/self/statm")


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(work, rounds, before):
    """Bytes more after so many rounds, once there were some before."""
    for _ in range(before):
        work()
    gc.collect()
    begun = resident()
    for _ in range(rounds):
        work()
    gc.collect()
    return resident() - begun
