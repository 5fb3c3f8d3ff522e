"""What tests of the package share: refusals with their codes, and how much memory rounds of something leave behind."""

import gc
import os

import pytest

import lazai

MEASURED = os.path.exists("/proc/self/statm")


def refused(code, function, *args):
    with pytest.raises(lazai.LazaiError) as caught:
        function(*args)
    assert caught.value.code == code and caught.value.message
    return caught.value


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
