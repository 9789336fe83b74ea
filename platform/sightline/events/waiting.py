"""Waiting for jobs, or batches: thousands of waiters on one Redis connection, none of them in a thread.

The healthy path is publish and subscribe. Looking at the database is the fallback: once a second for all waiters
together while Redis is away, and every few seconds otherwise, because a worker cut off from Redis tells nobody.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import redis
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sightline.events.notify import ended_channel

log = logging.getLogger("sightline.events")

LOOK_AWAY_S = 1.0
"""Between looks at the database while Redis is away."""
LOOK_HEALTHY_S = 5.0
"""And otherwise: for notices that were never sent."""
_CONFIRM_S = 0.5
_PING_S = 5.0
_RECONNECT_S = 0.5
_HOME = "sightline:waiters"
"""Subscribed always, so that the connection lives without a waiter."""
_FAILURES = (redis.RedisError, OSError, TimeoutError, AttributeError)
"""AttributeError: a connection that is lost has no writer any more, and redis-py does not look before it uses it for a
command that another task began."""

Look = Callable[[Collection[UUID]], Awaitable[set[UUID]]]
"""Which of these jobs have ended, or are no more; asks the database."""
Transitions = Callable[[Collection[UUID]], Awaitable[Mapping[UUID, int]]]
"""How many transitions each of these jobs has had (a number that grows with them), 0 when it is no more; asks the
database."""


class Waiter:
    """One request that waits for one job: for its end, or (a follower) for everything that happens to it."""

    def __init__(self, *, follows: bool = False) -> None:
        self.follows = follows
        self.hears = follows
        """Text wakes it."""
        self.seen = 0
        """Transitions that a follower knows of."""
        self.look = True
        """The database may know more; False: only text came."""
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(self, *, look: bool = True) -> None:
        """Something happened: look again."""
        self.look = self.look or look
        if not self._future.done():
            self._future.set_result(None)

    async def woken(self, *, within_s: float) -> bool:
        """Wait for `wake`; False when the seconds passed without it."""
        done, _ = await asyncio.wait([self._future], timeout=within_s)
        return bool(done)

    def rearm(self) -> bool:
        """Wait anew from now on; True when the database is to be asked. Look after this call, not before it."""
        look, self.look = self.look, False
        if self._future.done():
            self._future = asyncio.get_running_loop().create_future()
        return look


class Relay(Waiter):
    """Wakes another waiter, of another job, with all that happens to this one, its text included."""

    def __init__(self, to: Waiter) -> None:
        super().__init__()
        self.hears = True
        self._to = to

    def wake(self, *, look: bool = True) -> None:
        self._to.wake(look=look)


@dataclass
class _Subscription:
    waiters: set[Waiter] = field(default_factory=set)
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)


class Waiters:
    """All waiters of a process for things of one sort, by whose channels they are told."""

    def __init__(
        self,
        *,
        url: str,
        look: Look,
        transitions: Transitions,
        channel: Callable[[UUID], str] = ended_channel,
    ) -> None:
        self.closing = False
        self._url = url
        self._channel = channel
        self._look = look
        self._transitions = transitions
        self._subscriptions: dict[UUID, _Subscription] = {}
        self._by_channel: dict[str, UUID] = {}
        self._pubsub: PubSub | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Do notices arrive?"""
        return self._pubsub is not None

    def __len__(self) -> int:
        return sum(len(subscription.waiters) for subscription in self._subscriptions.values())

    @asynccontextmanager
    async def on(
        self, job_id: UUID, *, follows: bool = False, relay_to: Waiter | None = None
    ) -> AsyncIterator[Waiter]:
        """A waiter for a job; inside the block, every end of the job wakes it, and a follower whatever happens.

        With `relay_to` it is that waiter which is woken.
        """
        if not self._tasks and not self.closing:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look_around())]
        waiter = Waiter(follows=follows) if relay_to is None else Relay(relay_to)
        subscription = self._subscriptions.get(job_id)
        first = subscription is None
        if subscription is None:
            subscription = self._subscriptions[job_id] = _Subscription()
            self._by_channel[self._channel(job_id)] = job_id
        # Before the first await: somebody who leaves meanwhile must see that the subscription is in use.
        subscription.waiters.add(waiter)
        if self.closing:
            waiter.wake()
        try:
            if first:
                await self._send("subscribe", job_id)
            await self._confirmation(subscription)
            yield waiter
        finally:
            subscription.waiters.discard(waiter)
            if not subscription.waiters:
                del self._subscriptions[job_id]
                del self._by_channel[self._channel(job_id)]
                await self._send("unsubscribe", job_id)

    async def has_ended(self, job_id: UUID) -> bool:
        """One look now. When the database does not answer: not that anybody knew; the other looks go on."""
        try:
            return job_id in await self._look([job_id])
        except (
            Exception
        ) as error:  # whatever a database raises; the waiter is no worse off than before the look
            log.warning("event=look_failed reason=%r", str(error))
            return False

    def let_go(self) -> None:
        """Wake everybody, now and from now on."""
        self.closing = True
        for subscription in self._subscriptions.values():
            _wake(subscription)

    async def close(self) -> None:
        """End the connection and the tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _confirmation(self, subscription: _Subscription) -> None:
        """Wait until Redis confirmed the subscription, while it is there to do so."""
        if self._pubsub is None or subscription.confirmed.is_set():
            return
        try:
            async with asyncio.timeout(_CONFIRM_S):
                await subscription.confirmed.wait()
        except TimeoutError:
            log.warning("event=subscription_unconfirmed")  # the looks at the database go on

    async def _send(self, command: str, job_id: UUID) -> None:
        pubsub = self._pubsub
        if pubsub is None or pubsub.connection is None or not pubsub.connection.is_connected:
            # `_listen` subscribes to everything when it is connected again; here, each command would connect by itself.
            return
        try:
            async with asyncio.timeout(_CONFIRM_S):
                await getattr(pubsub, command)(self._channel(job_id))
        # Whatever it is: while another task closes the connection, the library trips over its own missing parts
        # (AttributeError, RuntimeError). Who waits is told by the looks at the database all the same.
        except Exception as error:
            log.warning("event=waiting_%s_failed reason=%r", command, str(error))

    async def _listen(self) -> None:
        """Keep one connection subscribed for as long as the process lives."""
        while True:
            client = Redis.from_url(
                self._url,
                socket_connect_timeout=_CONFIRM_S,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
            )
            pubsub = client.pubsub()
            try:
                await self._connect(pubsub)
                await self._receive(pubsub)
            except _FAILURES as error:
                log.warning("event=waiting_disconnected reason=%r", str(error))
            finally:
                self._pubsub = None
                self._changed.set()
                for subscription in self._subscriptions.values():
                    subscription.confirmed.clear()
                await _close(pubsub, client)
            await asyncio.sleep(_RECONNECT_S)

    async def _connect(self, pubsub: PubSub) -> None:
        async with asyncio.timeout(2.0):
            await pubsub.subscribe(_HOME)
            channels = list(self._by_channel)
            for start in range(0, len(channels), 500):
                await pubsub.subscribe(*channels[start : start + 500])
        late = [channel for channel in self._by_channel if channel not in set(channels)]
        self._pubsub = pubsub  # from here on `on` subscribes by itself
        if late:
            await pubsub.subscribe(*late)
        self._changed.set()  # a look now: whatever ended while nobody listened

    async def _receive(self, pubsub: PubSub) -> None:
        silent = False
        while True:
            message = await pubsub.get_message(timeout=_PING_S)
            if message is None:
                # A dead peer without a reset looks like silence, so silence is asked once.
                if silent:
                    raise TimeoutError("Redis does not answer a ping")
                silent = True
                await pubsub.ping()
                continue
            silent = False
            job_id = self._by_channel.get(str(message.get("channel")))
            if job_id is None:
                continue
            if message["type"] == "subscribe":
                self._subscriptions[job_id].confirmed.set()
            elif message["type"] == "message":
                _notice(self._subscriptions[job_id], str(message["data"]))

    async def _look_around(self) -> None:
        """Ask the database about all waiters at once."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(LOOK_HEALTHY_S if self.connected else LOOK_AWAY_S):
                    await self._changed.wait()
            except TimeoutError:
                pass  # the time for a look
            if not self._subscriptions:
                continue
            try:
                await self._look_at_all()
            except Exception as error:  # the next look may succeed; without the loop nobody would ever look
                log.warning("event=look_failed reason=%r", str(error))

    async def _look_at_all(self) -> None:
        """Wake whoever has something to look at, and nobody else; two queries for all of them."""
        ends, follows = [], []
        for job_id, subscription in self._subscriptions.items():
            following = sum(waiter.follows for waiter in subscription.waiters)
            if following:
                follows.append(job_id)
            if following < len(subscription.waiters):
                ends.append(job_id)
        for job_id in await self._look(ends) if ends else ():
            for waiter in self._on(job_id):
                waiter.wake()
        for job_id, count in (await self._transitions(follows) if follows else {}).items():
            for waiter in self._on(job_id):
                if waiter.follows and waiter.seen != count:
                    waiter.wake()

    def _on(self, job_id: UUID) -> Collection[Waiter]:
        subscription = self._subscriptions.get(job_id)
        return subscription.waiters if subscription else ()


def _wake(subscription: _Subscription) -> None:
    for waiter in subscription.waiters:
        waiter.wake()


def _notice(subscription: _Subscription, text: str) -> None:
    """An end wakes everybody; text and other transitions wake only those who follow the job."""
    try:
        notice = json.loads(text)
    except ValueError:
        notice = {}
    if "text" not in notice and "moved" not in notice:
        _wake(subscription)
        return
    for waiter in subscription.waiters:
        if waiter.hears:
            waiter.wake(look="moved" in notice)


async def _close(pubsub: PubSub, client: Redis) -> None:
    try:
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()
    except _FAILURES as error:
        log.debug("event=waiting_close reason=%r", str(error))
