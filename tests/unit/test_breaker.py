"""The circuit breaker around Redis: one failure speaks for all."""

import threading

import pytest
import redis

from sightline.redis_client import Breaker, RedisAway


class Server:
    """Counts the calls that reach it, and answers as it is told."""

    def __init__(self) -> None:
        self.calls = 0
        self.away = True

    def use(self) -> str:
        self.calls += 1
        if self.away:
            raise redis.ConnectionError("refused")
        return "PONG"


def test_after_a_failure_nobody_tries_until_the_pause_is_over() -> None:
    server, breaker = Server(), Breaker(pause_s=60.0)
    for _ in range(5):
        with pytest.raises(RedisAway):
            breaker.call(server.use)
    assert server.calls == 1
    assert not breaker.closed


def test_after_the_pause_one_tries_and_its_success_lets_everybody_through() -> None:
    server, breaker = Server(), Breaker(pause_s=0.0)
    with pytest.raises(RedisAway):
        breaker.call(server.use)
    server.away = False
    assert breaker.call(server.use) == "PONG"
    assert breaker.closed


def test_while_one_probes_the_others_keep_out() -> None:
    server, breaker = Server(), Breaker(pause_s=0.0)
    with pytest.raises(RedisAway):
        breaker.call(server.use)
    breaker.pause_s = 60.0
    probing, go_on = threading.Event(), threading.Event()

    def probe() -> str:
        probing.set()
        assert go_on.wait(20)
        return "PONG"

    thread = threading.Thread(target=breaker.call, args=(probe,))
    thread.start()
    assert probing.wait(20)
    with pytest.raises(RedisAway):
        breaker.call(server.use)
    go_on.set()
    thread.join(20)
    assert breaker.closed
    assert server.calls == 1


def test_a_mistake_of_ours_is_not_taken_for_an_outage() -> None:
    breaker = Breaker()

    def wrong() -> None:
        raise TypeError("wrong")

    with pytest.raises(TypeError):
        breaker.call(wrong)
    assert breaker.closed


@pytest.mark.parametrize(
    "failure",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("hung"),
        redis.ResponseError("OOM command not allowed"),
        OSError("no socket"),
    ],
)
def test_refused_hung_and_full_are_all_away(failure: Exception) -> None:
    def use() -> None:
        raise failure

    breaker = Breaker(pause_s=60.0)
    with pytest.raises(RedisAway):
        breaker.call(use)
    assert not breaker.closed
