import threading

import pytest

from ganzoo.system.background import BackgroundWork


def test_work_goes_on_beside_and_in_order():
    beside, may_end, done = BackgroundWork("test"), threading.Event(), []
    beside.do(lambda: (may_end.wait(10), done.append(1)))
    assert not done, "the caller went on before it was done"
    may_end.set()
    beside.do(done.append, 2)
    beside.wait()
    assert done == [1, 2]


def test_what_it_raised_is_raised_once_by_the_next_call():
    beside, done = BackgroundWork("test"), []
    beside.do(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        beside.do(done.append, 1)
    beside.do(done.append, 2)
    beside.wait()
    assert done == [2]
