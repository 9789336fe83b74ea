"""The simulated engine misbehaves on demand, and the client names what it sees."""

import base64
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from sightline_workers.engines.contract import Abort, Aborted, Completion, EngineError, EngineRequest, Failure
from sightline_workers.engines.openai_http import OpenAIEngine
from sightline_workers.engines.twin.options import TwinOptions
from sightline_workers.engines.twin.process import TwinProcess


@pytest.fixture
def twin() -> Iterator[TwinProcess]:
    with TwinProcess(TwinOptions(profile="batching", speed=20)) as twin:
        yield twin


@pytest.fixture
def engine(twin: TwinProcess) -> Iterator[OpenAIEngine]:
    engine = OpenAIEngine(twin.url, max_concurrency=8)
    yield engine
    engine.close()


def ask(engine: OpenAIEngine, content: Any = "Hello", **options: Any) -> Completion:
    request = EngineRequest(
        model="default",
        messages=[{"role": "user", "content": content}],
        sampling={"max_tokens": options.pop("max_tokens", 64)},
        priority=options.pop("priority", 0),
        timeout_s=options.pop("timeout_s", 20),
        request_id=options.pop("request_id", "r"),
    )
    return engine.stream(
        request,
        on_delta=options.pop("on_delta", lambda _: None),
        abort=options.pop("abort", None) or Abort(),
        should_stop=options.pop("should_stop", None),
    )


def failure(engine: OpenAIEngine, **options: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        ask(engine, **options)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        ("error500", "engine_crashed", Failure.CRASH),
        ("busy", "engine_busy", Failure.TRANSIENT),
        ("reset", "engine_reset", Failure.TRANSIENT),
        ("reset_mid", "engine_crashed", Failure.CRASH),
    ],
)
def test_a_fault_is_named_and_the_next_call_succeeds(
    twin: TwinProcess, engine: OpenAIEngine, fault: str, code: str, kind: Failure
) -> None:
    ask(engine)
    twin.faults(**{fault: 1})
    error = failure(engine)
    assert (error.code, error.failure) == (code, kind)
    assert ask(engine).finish_reason == "stop"


def test_a_hanging_engine_times_out_while_its_health_is_fine(twin: TwinProcess, engine: OpenAIEngine) -> None:
    twin.faults(hang=True)
    assert failure(engine, timeout_s=0.3).code == "engine_timeout"
    assert engine.models() == ("default",)
    with pytest.raises(EngineError):
        engine.canary(0.2)
    twin.heal()
    assert ask(engine).finish_reason == "stop"
    assert twin.stats()["aborted"] == 2


def test_an_abort_interrupts_a_read_from_a_hanging_engine(twin: TwinProcess, engine: OpenAIEngine) -> None:
    twin.faults(hang=True)
    abort = Abort()
    threading.Timer(0.1, abort.set, ["cancelled"]).start()
    with pytest.raises(Aborted):
        ask(engine, abort=abort, timeout_s=100_000)  # nothing else ends the call


def test_a_crash_aboard_is_a_crash_and_then_the_engine_is_unavailable(
    twin: TwinProcess, engine: OpenAIEngine
) -> None:
    twin.faults(crash_after=1)
    assert ask(engine).finish_reason == "stop"
    error = failure(engine)
    assert (error.code, error.failure) == ("engine_crashed", Failure.CRASH)
    assert twin.wait(5) == 137
    error = failure(engine)
    assert (error.code, error.failure) == ("engine_unavailable", Failure.TRANSIENT)
    twin.start()
    assert ask(engine).finish_reason == "stop"


def test_poison_in_a_text_kills_it_and_other_texts_do_not(twin: TwinProcess, engine: OpenAIEngine) -> None:
    twin.faults(poison=["SKULL"])
    assert ask(engine, "harmless").finish_reason == "stop"
    assert failure(engine, content="a SKULL inside").code == "engine_crashed"
    assert twin.wait(5) == 137


def test_poison_in_an_image_is_known_by_its_digest(twin: TwinProcess, engine: OpenAIEngine) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(buffer, "PNG")
    twin.faults(poison=[hashlib.sha256(buffer.getvalue()).hexdigest()])
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    error = failure(engine, content=[{"type": "image_url", "image_url": {"url": url}}])
    assert error.code == "engine_crashed"
    assert twin.wait(5) == 137


def test_a_loop_runs_until_max_tokens_unless_it_is_noticed(twin: TwinProcess, engine: OpenAIEngine) -> None:
    twin.faults(loop=2)
    whole = ask(engine, max_tokens=200)
    assert (whole.finish_reason, whole.usage.output_tokens) == ("length", 200)
    noticed = ask(engine, max_tokens=5000, should_stop=lambda text: text.count("the same line again") > 20)
    assert noticed.finish_reason == "repetition"
    assert ask(engine).finish_reason == "stop"  # scheduled after the other had left its seat
    assert twin.stats()["aborted"] == 1


def test_bad_json_breaks_a_tool_call(twin: TwinProcess, engine: OpenAIEngine) -> None:
    prompt = "<tools>computer_use</tools> The user query: click"
    good = ask(engine, prompt).text
    json.loads(good.split("<tool_call>")[1].split("</tool_call>")[0])
    twin.faults(bad_json=1)
    bad = ask(engine, prompt).text
    assert "</tool_call>" not in bad


def test_slow_takes_as_many_times_as_long(twin: TwinProcess, engine: OpenAIEngine) -> None:
    twin.faults(slow=10.0)
    slow = ask(engine)
    twin.heal()
    fast = [ask(engine) for _ in range(5)]  # the quickest of them: a busy machine makes any of them slower
    assert slow.ttft_s + slow.decode_s > 4 * min(one.ttft_s + one.decode_s for one in fast)


def test_an_unknown_fault_is_refused_by_name(twin: TwinProcess) -> None:
    with pytest.raises(Exception, match="400"):
        twin.faults(typo=1)
