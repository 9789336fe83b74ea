"""The gate that bounds what the threads of a worker do at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from support.waiting import until

from sightline_workers.seats import Seats


class Crowd:
    """Threads that sit until they are told to leave."""

    def __init__(self, seats: Seats, count: int) -> None:
        self.leave = threading.Semaphore(0)
        self.seats = seats
        self.pool = ThreadPoolExecutor(count)
        self.came = [self.pool.submit(self._sit) for _ in range(count)]

    def _sit(self) -> bool:
        with self.seats.one() as seated:
            if seated:
                self.leave.acquire()
            return seated

    def seated(self, count: int) -> bool:
        until(lambda: self.seats.taken == count, what=f"{count} sit", within_s=10)
        return True


def test_no_more_sit_than_there_are_seats_and_new_seats_are_taken_at_once() -> None:
    crowd = Crowd(Seats(2), 6)
    assert crowd.seated(2)
    crowd.seats.resize(5)
    assert crowd.seated(5)
    crowd.leave.release(6)
    assert all(came.result(10) for came in crowd.came)
    assert crowd.seats.taken == 0


def test_fewer_seats_let_those_who_sit_stay_and_nobody_new_sit_down() -> None:
    crowd = Crowd(Seats(4), 6)
    assert crowd.seated(4)
    crowd.seats.resize(1)
    crowd.leave.release(3)
    assert crowd.seated(1)
    assert sum(came.done() for came in crowd.came) == 3
    crowd.leave.release(3)
    assert all(came.result(10) for came in crowd.came)


def test_a_closed_gate_sends_away_who_waits_and_lets_those_who_sit_end() -> None:
    crowd = Crowd(Seats(1), 3)
    assert crowd.seated(1)
    crowd.seats.close()
    crowd.leave.release(1)
    assert sorted(came.result(10) for came in crowd.came) == [False, False, True]


def test_a_seat_is_free_again_after_an_error() -> None:
    seats = Seats(1)
    for _ in range(2):
        try:
            with seats.one():
                raise RuntimeError
        except RuntimeError:
            pass
    assert seats.taken == 0
