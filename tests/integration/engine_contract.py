"""What every engine does, whatever it is: the suite that the simulated engine and real vLLM both pass.

Not collected by itself. A test module subclasses `EngineContract` and gives it the fixture `engine_url`,
the base URL of a running engine that is otherwise idle.
"""

import base64
import io
import json
import re
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image, ImageDraw

from sightline.events.tool_calls import CallPiece
from sightline_workers.engines.contract import Abort, Aborted, Completion, EngineError, EngineRequest, Failure
from sightline_workers.engines.openai_http import OpenAIEngine


def png(text: str = "HELLO 42", size: tuple[int, int] = (256, 64)) -> bytes:
    """A small picture with some text, as PNG bytes."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((8, 8), text, fill="black")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def image_part(data: bytes, mime: str = "image/png") -> dict[str, Any]:
    """An OpenAI image part with the bytes in a data URI."""
    uri = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": uri}}


def user(*parts: dict[str, Any] | str) -> list[dict[str, Any]]:
    """One user message of text and image parts."""
    content = [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]
    return [{"role": "user", "content": content}]


def metric(url: str, name: str) -> float:
    """Sum of a metric's samples."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as response:
        page = response.read().decode()
    values = re.findall(rf"^{re.escape(name)}(?:\{{.*\}})? (\S+)$", page, re.MULTILINE)
    assert values, f"/metrics has no {name}"
    return sum(float(value) for value in values)


def wait_until_idle(url: str, timeout_s: float = 60.0) -> None:
    """Until nothing runs or waits in the engine. The gauges lag, so they are looked at again."""
    started = time.monotonic()
    while time.monotonic() - started < timeout_s:
        if not metric(url, "vllm:num_requests_running") and not metric(url, "vllm:num_requests_waiting"):
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"The engine is still busy after {timeout_s} s.")


class EngineContract:
    """Subclass it as `Test…` in a module that has the fixture `engine_url`."""

    @pytest.fixture
    def engine(self, engine_url: str) -> Iterator[OpenAIEngine]:
        engine = OpenAIEngine(engine_url, max_concurrency=8)
        yield engine
        engine.close()

    def ask(
        self,
        engine: OpenAIEngine,
        messages: list[dict[str, Any]],
        *,
        deltas: list[str] | None = None,
        calls: list[CallPiece] | None = None,
        abort: Abort | None = None,
        timeout_s: float = 240.0,
        **fields: Any,
    ) -> Completion:
        sampling = {"temperature": 0, "max_tokens": 24, **fields.pop("sampling", {})}
        request = EngineRequest(
            model=fields.pop("model", None) or engine.models()[0],
            messages=messages,
            sampling=sampling,
            timeout_s=timeout_s,
            request_id=fields.pop("request_id", f"contract-{uuid.uuid4().hex}"),
            **fields,
        )
        heard: list[str] = [] if deltas is None else deltas
        made: list[CallPiece] = [] if calls is None else calls
        return engine.stream(request, on_delta=heard.append, on_tool_call=made.append, abort=abort or Abort())

    def refusal(self, engine: OpenAIEngine, messages: list[dict[str, Any]], **fields: Any) -> EngineError:
        with pytest.raises(EngineError) as caught:
            self.ask(engine, messages, **fields)
        return caught.value

    def grows(self, engine: OpenAIEngine, url: str, name: str, before: float) -> bool:
        """Whether a counter passes `before`; vLLM tells its counters with the tokens that follow."""
        deadline = time.monotonic() + 10
        while metric(url, name) <= before and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        return metric(url, name) > before

    def test_it_names_its_models(self, engine: OpenAIEngine) -> None:
        assert len(engine.models()) >= 1

    def test_it_tells_how_much_it_has_room_for(self, engine: OpenAIEngine) -> None:
        capacity = engine.capacity()
        assert capacity.kv_tokens >= capacity.max_model_len > 0

    def test_a_text_prompt_gets_an_answer_with_usage_and_timings(self, engine: OpenAIEngine) -> None:
        completion = self.ask(engine, user("Say something."))
        assert completion.finish_reason in ("stop", "length")
        assert completion.usage.input_tokens > 0
        assert 0 < completion.usage.output_tokens <= 24
        assert completion.usage.image_tokens == 0
        assert completion.ttft_s > 0
        assert completion.decode_s >= 0

    def test_the_deltas_are_the_text(self, engine: OpenAIEngine) -> None:
        deltas: list[str] = []
        completion = self.ask(engine, user("Say something."), deltas=deltas)
        assert "".join(deltas) == completion.text

    def test_tokens_come_together_where_that_is_asked_for(self, engine: OpenAIEngine) -> None:
        deltas: list[str] = []
        # No end before max_tokens: an answer of a known number of tokens.
        sampling = {"min_tokens": 24, "ignore_eos": True}
        messages = user("Say something long, at least thirty words of it. " * 3)
        completion = self.ask(engine, messages, deltas=deltas, sampling=sampling, tokens_a_delta=8)
        assert "".join(deltas) == completion.text
        assert completion.usage.output_tokens > 8
        assert len(deltas) <= 1 + -(-(completion.usage.output_tokens - 1) // 8)

    def test_the_same_request_gets_the_same_answer(self, engine: OpenAIEngine) -> None:
        messages = user(image_part(png()), "Read all the text in the image.")
        assert self.ask(engine, messages).text == self.ask(engine, messages).text

    def test_an_image_counts_as_image_tokens(self, engine: OpenAIEngine) -> None:
        completion = self.ask(engine, user(image_part(png()), "What is this?"))
        assert 0 < completion.usage.image_tokens < completion.usage.input_tokens

    def test_an_answer_ends_at_max_tokens(self, engine: OpenAIEngine) -> None:
        completion = self.ask(engine, user("Say something."), sampling={"max_tokens": 1})
        assert completion.usage.output_tokens == 1

    def test_a_priority_and_a_cache_salt_are_accepted(self, engine: OpenAIEngine) -> None:
        completion = self.ask(engine, user("Say something."), priority=17_000_000_000, cache_salt="tenant")
        assert completion.usage.output_tokens > 0

    def test_a_prompt_over_the_context_is_permanent(self, engine: OpenAIEngine) -> None:
        words = "abcdefgh ijklmnop " * engine.capacity().max_model_len
        refusal = self.refusal(engine, user(words))
        assert (refusal.failure, refusal.code) == (Failure.PERMANENT, "context_too_long")

    def test_an_undecodable_image_is_permanent(self, engine: OpenAIEngine) -> None:
        refusal = self.refusal(engine, user(image_part(b"this is no image"), "What is this?"))
        assert (refusal.failure, refusal.code) == (Failure.PERMANENT, "engine_rejected")

    def test_a_truncated_image_is_permanent(self, engine: OpenAIEngine) -> None:
        data = png(size=(512, 512))
        refusal = self.refusal(engine, user(image_part(data[: len(data) // 2]), "What is this?"))
        assert refusal.failure == Failure.PERMANENT

    def test_too_many_images_are_permanent(self, engine: OpenAIEngine) -> None:
        parts = [image_part(png(size=(32, 32)))] * 17
        refusal = self.refusal(engine, user(*parts, "What is this?"))
        assert (refusal.failure, refusal.code) == (Failure.PERMANENT, "too_many_images")

    def test_an_image_by_url_is_refused(self, engine: OpenAIEngine) -> None:
        part = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a.png"}}
        assert self.refusal(engine, user(part, "What is this?")).failure == Failure.PERMANENT

    def test_an_unknown_model_is_permanent(self, engine: OpenAIEngine) -> None:
        refusal = self.refusal(engine, user("Say something."), model="no-such-model")
        assert (refusal.failure, refusal.code, refusal.status) == (Failure.PERMANENT, "model_unknown", 404)

    def test_a_sampling_value_out_of_range_is_permanent(self, engine: OpenAIEngine) -> None:
        refusal = self.refusal(engine, user("Say something."), sampling={"temperature": -1})
        assert (refusal.failure, refusal.code) == (Failure.PERMANENT, "engine_rejected")

    def test_after_an_error_the_next_call_succeeds(self, engine: OpenAIEngine) -> None:
        self.refusal(engine, user("Say something."), model="no-such-model")
        assert self.ask(engine, user("Say something.")).usage.output_tokens > 0

    def test_structured_outputs_obey_their_schema(self, engine: OpenAIEngine) -> None:
        schema = {
            "type": "object",
            "properties": {
                "action": {"enum": ["left_click", "wait"]},
                "coordinate": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0, "maximum": 1000},
                    "minItems": 2,
                    "maxItems": 2,
                },
            },
            "required": ["action", "coordinate"],
            "additionalProperties": False,
        }
        completion = self.ask(
            engine,
            user("Where to click?"),
            structured_outputs={"json": schema},
            sampling={"max_tokens": 128},
        )
        value = json.loads(completion.text)
        assert value["action"] in ("left_click", "wait")
        assert [0 <= number <= 1000 for number in value["coordinate"]] == [True, True]

    def test_a_choice_is_one_of_its_values(self, engine: OpenAIEngine) -> None:
        completion = self.ask(engine, user("Yes or no?"), structured_outputs={"choice": ["yes", "no"]})
        assert completion.text in ("yes", "no")

    def test_a_response_format_binds_the_answer(self, engine: OpenAIEngine) -> None:
        schema = {
            "type": "object",
            "properties": {"colour": {"enum": ["red", "blue"]}},
            "required": ["colour"],
            "additionalProperties": False,
        }
        completion = self.ask(
            engine,
            user("Which colour?"),
            response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
            sampling={"max_tokens": 64},
        )
        assert json.loads(completion.text)["colour"] in ("red", "blue")

    def test_a_pixel_budget_lowers_the_image_tokens(self, engine: OpenAIEngine) -> None:
        messages = user(image_part(png(size=(512, 256))), "What is this?")
        budget = {"size": {"shortest_edge": 1024, "longest_edge": 128 * 128}}
        whole = self.ask(engine, messages)
        small = self.ask(engine, messages, sampling={"mm_processor_kwargs": budget})
        assert 0 < small.usage.image_tokens < whole.usage.image_tokens

    def test_a_request_with_tools_is_accepted(self, engine: OpenAIEngine) -> None:
        function = {
            "name": "look_up",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {"word": {"enum": ["one", "two"]}},
                "required": ["word"],
                "additionalProperties": False,
            },
        }
        completion = self.ask(
            engine,
            user("Look something up."),
            tools=[{"type": "function", "function": function}],
            sampling={"tool_choice": "required", "max_tokens": 96},
        )
        call = completion.tool_calls[0]["function"]
        assert call["name"] == "look_up"
        assert call["arguments"].startswith("{")
        if completion.finish_reason != "length":  # an untrained model may write blanks to the end
            assert json.loads(call["arguments"])["word"] in ("one", "two")

    def test_several_tool_calls_stream_piece_by_piece(self, engine: OpenAIEngine) -> None:
        wanted = [{"name": name, "arguments": {"word": "one two three"}} for name in ("look_up", "say")]
        said = "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in wanted)
        pieces: list[CallPiece] = []
        completion = self.ask(
            engine,
            user("Look it up and say it."),
            tools=[{"type": "function", "function": {"name": call["name"]}} for call in wanted],
            structured_outputs={"choice": [said]},
            sampling={"max_tokens": 200},
            calls=pieces,
        )
        assert completion.finish_reason == "tool_calls"
        assert [piece.index for piece in pieces] == sorted(piece.index for piece in pieces)
        for index, (call, whole) in enumerate(zip(wanted, completion.tool_calls, strict=True)):
            first, *rest = [piece for piece in pieces if piece.index == index]
            assert (first.id, first.name) == (whole["id"], call["name"])
            assert not any(piece.id or piece.name for piece in rest)
            assert len(rest) > 1, "arguments come in pieces"
            arguments = first.arguments + "".join(piece.arguments for piece in rest)
            assert arguments == whole["function"]["arguments"]
            assert json.loads(arguments) == call["arguments"]

    def test_an_image_is_known_by_its_uuid_afterwards(self, engine: OpenAIEngine) -> None:
        name = uuid.uuid4().hex
        first = self.ask(engine, user({**image_part(png("UUID 7")), "uuid": name}, "What is this?"))
        again = self.ask(
            engine, user({"type": "image_url", "image_url": None, "uuid": name}, "What is this?")
        )
        assert again.text == first.text

    def test_an_unknown_uuid_is_named_so_that_the_image_can_be_sent(self, engine: OpenAIEngine) -> None:
        part = {"type": "image_url", "image_url": None, "uuid": uuid.uuid4().hex}
        refusal = self.refusal(engine, user(part, "What is this?"))
        assert (refusal.failure, refusal.code) == (Failure.TRANSIENT, "image_not_cached")

    def test_a_uuid_is_good_for_one_pixel_budget(self, engine: OpenAIEngine) -> None:
        part = {**image_part(png("UUID 8", (512, 256))), "uuid": uuid.uuid4().hex}
        self.ask(engine, user(part, "What is this?"))
        budget = {"mm_processor_kwargs": {"size": {"shortest_edge": 1024, "longest_edge": 128 * 128}}}
        alone = {**part, "image_url": None}
        refusal = self.refusal(engine, user(alone, "What is this?"), sampling=budget)
        assert refusal.code == "image_not_cached"
        self.ask(engine, user(part, "What is this?"), sampling=budget)
        self.ask(engine, user(alone, "What is this?"), sampling=budget)

    def test_a_known_image_is_counted(self, engine: OpenAIEngine, engine_url: str) -> None:
        part = {**image_part(png("UUID 9")), "uuid": uuid.uuid4().hex}
        self.ask(engine, user(part, "What is this?"))
        before = metric(engine_url, "vllm:mm_cache_hits_total")
        self.ask(engine, user({**part, "image_url": None}, "What is this?"))
        assert self.grows(engine, engine_url, "vllm:mm_cache_hits_total", before)

    def test_a_beginning_is_computed_once_for_each_salt(self, engine: OpenAIEngine, engine_url: str) -> None:
        # Longer than one block of any engine's KV cache, and new: 128 tokens on the CPU, 16 elsewhere.
        words = " ".join(uuid.uuid4().hex for _ in range(24))
        self.ask(engine, user(words), cache_salt="one")
        other = metric(engine_url, "vllm:prefix_cache_hits_total")
        self.ask(engine, user(words), cache_salt="two")
        queries = metric(engine_url, "vllm:prefix_cache_queries_total")
        assert metric(engine_url, "vllm:prefix_cache_hits_total") == other
        self.ask(engine, user(words), cache_salt="one")
        assert self.grows(engine, engine_url, "vllm:prefix_cache_queries_total", queries)
        assert self.grows(engine, engine_url, "vllm:prefix_cache_hits_total", other)

    def test_more_tokens_than_the_context_are_permanent(self, engine: OpenAIEngine) -> None:
        refusal = self.refusal(engine, user("Say something."), sampling={"max_tokens": 10**6})
        assert (refusal.failure, refusal.code) == (Failure.PERMANENT, "context_too_long")

    def test_an_abort_interrupts_the_call_and_frees_the_engine(
        self, engine: OpenAIEngine, engine_url: str
    ) -> None:
        abort = Abort()
        deltas: list[str] = []

        def first_delta(text: str) -> None:
            deltas.append(text)
            abort.set("cancelled by the user")

        request = EngineRequest(
            model=engine.models()[0],
            messages=user("Say something."),
            sampling={"max_tokens": 2000, "ignore_eos": True},
            timeout_s=240,
            request_id="contract-abort",
        )
        before = engine.progress()
        with pytest.raises(Aborted, match="cancelled by the user"):
            engine.stream(request, on_delta=first_delta, abort=abort)
        wait_until_idle(engine_url)
        assert engine.progress() - before < 1000, "it did not go on to the end for nobody"

    def test_an_abort_that_came_before_is_heeded(self, engine: OpenAIEngine) -> None:
        abort = Abort()
        abort.set("too late")
        with pytest.raises(Aborted, match="too late"):
            self.ask(engine, user("Say something."), abort=abort)

    def test_a_time_limit_ends_the_call(self, engine: OpenAIEngine, engine_url: str) -> None:
        refusal = self.refusal(engine, user("Say something."), timeout_s=0.0001, model=engine.models()[0])
        assert (refusal.failure, refusal.code) == (Failure.TRANSIENT, "engine_timeout")
        wait_until_idle(engine_url)

    def test_eight_calls_at_once_each_get_their_own_answer(self, engine: OpenAIEngine) -> None:
        model = engine.models()[0]
        prompts = [f"Number {index}" for index in range(8)]
        alone = [self.ask(engine, user(prompt), model=model).text for prompt in prompts[:2]]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda prompt: self.ask(engine, user(prompt), model=model), prompts))
        assert all(completion.usage.output_tokens for completion in together)
        assert len(alone) == 2

    def test_the_canary_comes_back_and_progress_grows(self, engine: OpenAIEngine) -> None:
        before = engine.progress()
        assert engine.canary(30) > 0
        deadline = time.monotonic() + 60  # the counter lags behind the answer
        while engine.progress() <= before and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        assert engine.progress() > before

    @pytest.mark.parametrize(
        "name",
        [
            "vllm:num_requests_running",
            "vllm:num_requests_waiting",
            "vllm:kv_cache_usage_perc",
            "vllm:num_preemptions_total",
            "vllm:generation_tokens_total",
            "vllm:prompt_tokens_total",
            "vllm:prefix_cache_queries_total",
            "vllm:prefix_cache_hits_total",
            "vllm:mm_cache_queries_total",
            "vllm:mm_cache_hits_total",
            "vllm:iteration_tokens_total_sum",
            "vllm:cache_config_info",
        ],
    )
    def test_metrics_have_vllm_s_names(self, engine_url: str, name: str) -> None:
        assert metric(engine_url, name) >= 0
