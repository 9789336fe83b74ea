"""Sessions: histories that jobs go on from, one after another."""

from collections.abc import Callable
from typing import Any

import pytest
from support.api import JOBS, Api, claimed, data_uri, fits, png, problem
from support.domain import GPU0, Domain

from sightline.api.authentication import Principal
from sightline.api.native.intake import submission
from sightline.cache import revisions
from sightline.clock import After
from sightline.errors import InvalidInput
from sightline.fleet.models import Group, Intake
from sightline.jobs import sweeper
from sightline.jobs.claims import Failure, Result
from sightline.jobs.models import Job
from sightline.jobs.services.fail import fail
from sightline.jobs.services.finish import finish
from sightline.jobs.status import AttemptOutcome
from sightline.media import unused
from sightline.media.models import Media
from sightline.sessions.models import Session, Step
from sightline.sessions.services import retention

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

SESSIONS = "/api/v1/sessions"


def made(api: Api, **more: Any) -> dict[str, Any]:
    answer = api.post(SESSIONS, {"kind": "chat", **more})
    assert answer.status_code == 201, answer.content
    fits("SessionView", answer.json())
    assert answer["Location"] == answer.json()["links"]["self"]
    found: dict[str, Any] = answer.json()
    return found


def read(api: Api, session: dict[str, Any]) -> dict[str, Any]:
    answer = api.client.get(f"{SESSIONS}/{session['id']}")
    assert answer.status_code == 200, answer.content
    fits("SessionView", answer.json())
    found: dict[str, Any] = answer.json()
    return found


def entries(api: Api, session: dict[str, Any]) -> list[Any]:
    answer = api.client.get(f"{SESSIONS}/{session['id']}/steps")
    fits("StepList", answer.json())
    return [entry for step in answer.json()["data"] for entry in step["entries"]]


def ask(api: Api, session: dict[str, Any], prompt: str = "hello", **more: Any) -> Any:
    ref = {"id": session["id"], **more.pop("ref", {})}
    return api.post(JOBS, {"kind": "chat", "input": {"prompt": prompt}, "session": ref, **more})


def said(text: str, **message: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **message},
        "finish_reason": "stop",
    }
    return {"object": "chat.completion", "choices": [choice]}


def answered(text: str, queue: str = "chat.default", *, complete: bool = True) -> Any:
    claim = claimed(queue)
    usage = {"input_tokens": 1, "image_tokens": 0, "output_tokens": 2}
    output = said(text) if queue.startswith("chat") else text
    result = Result(
        output=output, complete=complete, finish_reason="stop", usage=usage, timings={"total": 5.0}
    )  # type: ignore[arg-type]
    assert finish(claim=claim, result=result)
    return claim


def failed(queue: str = "chat.default") -> None:
    failure = Failure(outcome=AttemptOutcome.PERMANENT, code="bad", message="no")
    assert fail(claim=claimed(queue), failure=failure) is not None


def texts(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    def text(content: Any) -> str:
        if isinstance(content, str):
            return content
        return "+".join(part.get("text", part["type"]) for part in content)

    return [(message["role"], text(message["content"])) for message in messages]


def test_a_job_gets_the_history_and_adds_its_question_and_answer(api: Api) -> None:
    session = made(api, system="Be brief.", metadata={"user": 7})
    first = ask(api, session, "My name is Ada.").json()
    assert first["session"] == {"id": session["id"], "version": 0}
    answered("Hello Ada.")
    second = ask(api, session, "What is my name?", ref={"version": 1}).json()
    job = api.client.get(f"{JOBS}/{second['id']}").json()
    assert texts(job["input"]["messages"]) == [
        ("system", "Be brief."),
        ("user", "My name is Ada."),
        ("assistant", "Hello Ada."),
        ("user", "What is my name?"),
    ]
    assert read(api, session)["job"] == second["id"]
    answered("Ada.")
    now = read(api, session)
    assert (now["version"], now["steps"], now["job"], now["metadata"]) == (2, 2, None, {"user": 7})
    assert now["tokens"] > 0
    assert [text for _, text in texts(entries(api, session))] == [
        "My name is Ada.", "Hello Ada.", "What is my name?", "Ada.",
    ]  # fmt: skip
    listed = api.client.get(f"{JOBS}?session={session['id']}").json()["data"]
    assert [job["id"] for job in listed] == [second["id"], first["id"]]


def test_one_job_at_a_time_goes_on_from_a_session(api: Api) -> None:
    session = made(api)
    first = ask(api, session).json()["id"]
    refused = ask(api, session)
    problem(refused, 409, "session_busy")
    assert first in refused.json()["detail"]
    assert refused["Retry-After"] == "1"
    assert Job.objects.count() == 1, "the refused one left nothing"
    api.post(f"{JOBS}/{first}/cancel")
    assert ask(api, session).status_code == 202
    assert read(api, session)["version"] == 0, "what was cancelled adds nothing"


def test_only_one_of_many_that_come_at_once_goes_on(
    api: Api, in_parallel: Callable[[int, Callable[[int], Any]], list[Any]]
) -> None:
    session = made(api)
    statuses = in_parallel(8, lambda number: ask(api, session, f"number {number}").status_code)
    assert sorted(statuses) == [202] + [409] * 7
    assert Job.objects.count() == 1


def test_a_version_that_is_not_the_sessions_is_a_conflict(api: Api) -> None:
    session = made(api)
    problem(ask(api, session, ref={"version": 1}), 409, "stale_version")
    assert ask(api, session, ref={"version": 0}).status_code == 202
    answered("yes")
    stale = problem(ask(api, session, ref={"version": 0}), 409, "stale_version")
    assert "version 1" in stale["detail"]


def test_what_failed_or_was_cut_off_adds_nothing_and_may_be_retried(api: Api) -> None:
    session = made(api)
    job = ask(api, session).json()["id"]
    failed()
    assert read(api, session)["version"] == 0
    assert api.post(f"{JOBS}/{job}/retry").status_code == 202
    problem(ask(api, session), 409, "session_busy")
    answered("half an ans", complete=False)
    assert read(api, session)["version"] == 0
    assert api.post(f"{JOBS}/{job}/retry").status_code == 202
    answered("whole")
    assert texts(entries(api, session)) == [("user", "hello"), ("assistant", "whole")]


def test_a_retry_after_the_session_went_on_is_refused(api: Api) -> None:
    session = made(api)
    job = ask(api, session).json()["id"]
    failed()
    ask(api, session, "something else")
    problem(api.post(f"{JOBS}/{job}/retry"), 409, "session_busy")
    answered("fine")
    problem(api.post(f"{JOBS}/{job}/retry"), 409, "stale_version")
    assert Job.objects.get(pk=Job.objects.order_by("id")[0].pk).status == "failed", "as it was"


def test_a_worker_that_was_fenced_off_adds_nothing(api: Api) -> None:
    session = made(api)
    ask(api, session)
    late = claimed()
    Job.objects.update(lease_until=After(-1))
    sweeper.sweep_once()
    usage = {"input_tokens": 1, "image_tokens": 0, "output_tokens": 2}
    result = Result(output=said("late"), complete=True, finish_reason="stop", usage=usage, timings={})
    assert not finish(claim=late, result=result)
    assert read(api, session)["version"] == 0
    answered("in time")
    assert texts(entries(api, session))[-1] == ("assistant", "in time")


def test_an_answer_out_of_the_cache_and_a_coalesced_one_are_added(api: Api) -> None:
    Domain().group(Intake.OPEN)
    Group.objects.update(revision="r" * 12)
    revisions.forget()
    exact = {"params": {"temperature": 0}}
    one, two, three = made(api), made(api), made(api)
    ask(api, one, **exact)
    assert ask(api, two, **exact).status_code == 202
    claim = Domain().claimed("chat.default", group=GPU0)
    usage = {"input_tokens": 1, "image_tokens": 0, "output_tokens": 2}
    result = Result(output=said("once"), complete=True, finish_reason="stop", usage=usage, timings={})
    assert finish(claim=claim, result=result)
    hit = ask(api, three, **exact)
    assert (hit.status_code, hit.json()["served_from"]) == (200, "cache")
    for session in (one, two, three):
        assert texts(entries(api, session)) == [("user", "hello"), ("assistant", "once")]
        assert read(api, session)["version"] == 1


def test_an_idempotency_key_goes_on_once(api: Api) -> None:
    session = made(api)
    body = {"kind": "chat", "input": {"prompt": "x"}, "session": {"id": session["id"]}}
    first = api.post(JOBS, body, idempotency_key="k")
    again = api.post(JOBS, body, idempotency_key="k")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again["Idempotent-Replayed"] == "true"
    answered("y")
    assert api.post(JOBS, body, idempotency_key="k").json()["id"] == first.json()["id"]
    assert read(api, session)["version"] == 1


def test_a_system_message_of_the_request_stands_in_for_the_sessions(api: Api) -> None:
    session = made(api, system="Be brief.")
    messages = [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": "Hello"}]
    job = ask(api, session, input={"messages": messages}).json()["id"]
    shown = api.client.get(f"{JOBS}/{job}").json()
    assert texts(shown["input"]["messages"]) == [("system", "Rhyme."), ("user", "Hello")]
    answered("Fellow")
    assert texts(entries(api, session)) == [("user", "Hello"), ("assistant", "Fellow")]


def test_images_of_a_history_are_shown_again_and_kept_for_it(api: Api) -> None:
    session = made(api)
    first = ask(api, session, input={"prompt": "What is this?", "images": [{"data": data_uri(png())}]})
    assert first.status_code == 202, first.content
    answered("White.")
    Job.objects.all().delete()
    assert unused.erase_unused(media=set(Media.objects.values_list("pk", flat=True))) == 0
    second = ask(api, session, "Are you sure?").json()["id"]
    shown = api.client.get(f"{JOBS}/{second}").json()["input"]["messages"]
    assert texts(shown)[0] == ("user", "image+What is this?")
    assert api.client.get(f"{JOBS}/{second}/media/0").status_code == 200
    answered("Yes.")
    assert api.client.delete(f"{SESSIONS}/{session['id']}").status_code == 204
    assert Media.objects.count() == 0


def test_the_oldest_steps_are_left_out_where_the_context_ends(api: Api) -> None:
    Group.objects.create(
        id="g@h", name="g", host="h", tag="default", max_model_len=2048, heartbeat_at=After()
    )
    session = made(api, system="Remember.")
    long = "word " * 200  # 400 tokens, as estimated
    for number in range(4):
        ask(api, session, f"{number} {long}", params={"max_tokens": 200})
        answered(f"answer {number}")
    job = ask(api, session, "last", params={"max_tokens": 200}).json()["id"]
    shown = texts(api.client.get(f"{JOBS}/{job}").json()["input"]["messages"])
    kept = [text.split()[0] for role, text in shown if role == "user"]
    assert kept == ["1", "2", "3", "last"]
    assert shown[0] == ("system", "Remember.")
    assert read(api, session)["steps"] == 4, "nothing is lost of the history itself"


def test_a_history_never_begins_with_an_answer_to_what_was_left_out(api: Api) -> None:
    Group.objects.create(
        id="g@h", name="g", host="h", tag="default", max_model_len=2048, heartbeat_at=After()
    )
    session = made(api)
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    steps = [
        [{"role": "user", "content": "x" * 4000}, {"role": "assistant", "tool_calls": [call]}],
        [
            {"role": "tool", "tool_call_id": "c1", "content": "seen"},
            {"role": "assistant", "content": "I see."},
        ],
        [{"role": "user", "content": "thanks"}, {"role": "assistant", "content": "welcome"}],
    ]
    for step in steps:
        assert api.post(f"{SESSIONS}/{session['id']}/steps", {"messages": step}).status_code == 201
    job = ask(api, session, "last", params={"max_tokens": 200}).json()["id"]
    shown = texts(api.client.get(f"{JOBS}/{job}").json()["input"]["messages"])
    assert shown == [("user", "thanks"), ("assistant", "welcome"), ("user", "last")]


def test_an_agents_session_keeps_a_sentence_for_each_step(api: Api) -> None:
    session = made(api, kind="gui", history=["Opened the editor"])
    assert session["version"] == 1

    def act(**more: Any) -> Any:
        inputs = {"instruction": "Save", "images": [{"data": data_uri(png())}], **more}
        return api.post(JOBS, {"kind": "gui", "input": inputs, "session": {"id": session["id"]}})

    job = act().json()["id"]
    assert api.client.get(f"{JOBS}/{job}").json()["input"]["history"] == ["Opened the editor"]
    action = {"action": "left_click", "coordinate": [512, 87]}
    answered({"description": None, "arguments": action, "done": None}, "gui.default")  # type: ignore[arg-type]
    act(history=["A dialog came up"])
    answered(
        {
            "description": "Confirm",
            "arguments": {"action": "terminate", "status": "success"},
            "done": "success",
        },  # type: ignore[arg-type]
        "gui.default",
    )
    assert [entry["text"] for entry in entries(api, session)] == [
        "Opened the editor",
        "left_click: coordinate [512, 87]",
        "A dialog came up",
        "Confirm",
    ]
    now = read(api, session)
    assert (now["version"], now["done"]) == (3, "success")
    assert entries(api, session)[1]["arguments"] == action


def test_steps_are_added_and_taken_back_by_hand(api: Api) -> None:
    session = made(api, messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    path = f"{SESSIONS}/{session['id']}"
    step = api.post(f"{path}/steps", {"version": 1, "messages": [{"role": "user", "content": "c"}]})
    assert step.status_code == 201
    fits("StepView", step.json())
    assert (step.json()["number"], step.json()["job"]) == (2, None)
    problem(
        api.post(f"{path}/steps", {"version": 1, "messages": [{"role": "user", "content": "d"}]}),
        409,
        "stale_version",
    )
    assert api.client.get(f"{path}/steps/2").json() == step.json()
    problem(api.client.get(f"{path}/steps/9"), 404, "not_found")
    problem(api.client.delete(f"{path}/steps/2?version=1"), 409, "stale_version")
    problem(api.client.delete(f"{path}/steps/9"), 404, "not_found")
    rewound = api.client.delete(f"{path}/steps/2?version=2")
    assert (rewound.status_code, rewound.json()["version"], rewound.json()["steps"]) == (200, 3, 1)
    assert [text for _, text in texts(entries(api, session))] == ["a", "b"]
    ask(api, session)
    problem(api.client.delete(f"{path}/steps/1"), 409, "session_busy")
    answered("e")
    assert [step.number for step in Step.objects.order_by("number")] == [1, 4], (
        "a number is never given twice"
    )


def test_a_session_is_changed_under_its_version(api: Api) -> None:
    session = made(api)
    path = f"{SESSIONS}/{session['id']}"

    def patch(body: Any) -> Any:
        return api.client.patch(path, body, content_type="application/json")

    changed = patch({"version": 0, "system": "Sing.", "metadata": {"a": 1}})
    assert (changed.status_code, changed.json()["version"]) == (200, 1)
    assert (changed.json()["system"], changed.json()["metadata"]) == ("Sing.", {"a": 1})
    problem(patch({"version": 0, "system": "Dance."}), 409, "stale_version")
    problem(patch({"sistem": "Dance."}), 422, "unknown_field")
    gui = made(api, kind="gui")
    refused = api.client.patch(f"{SESSIONS}/{gui['id']}", {"system": "x"}, content_type="application/json")
    assert problem(refused, 422, "invalid_input")["errors"][0]["pointer"] == "/system"
    ask(api, session)
    problem(patch({"system": "Dance."}), 409, "session_busy")


def test_what_is_wrong_with_a_session_is_told_by_its_field(api: Api) -> None:
    session = made(api)
    gui = {"instruction": "x", "images": [{"data": data_uri(png())}]}
    wrong = api.post(JOBS, {"kind": "gui", "input": gui, "session": {"id": session["id"]}})
    assert problem(wrong, 422, "invalid_input")["errors"][0]["pointer"] == "/session/id"
    ocr = {"images": [{"data": data_uri(png())}]}
    problem(
        api.post(JOBS, {"kind": "ocr", "input": ocr, "session": {"id": session["id"]}}), 422, "invalid_input"
    )
    unknown = ask(api, {"id": "ses_" + "0" * 26})
    assert problem(unknown, 422, "invalid_input")["errors"][0]["pointer"] == "/session/id"
    problem(ask(api, {"id": "nonsense"}), 422, "invalid_input")
    problem(api.post(SESSIONS, {"kind": "ocr"}), 422, "invalid_input")
    problem(api.post(SESSIONS, {"kind": "gui", "system": "x"}), 422, "unknown_field")
    problem(api.client.get(f"{SESSIONS}/ses_nope"), 404, "not_found")
    problem(api.client.get(f"{JOBS}?session=nope"), 422, "invalid_input")
    assert Job.objects.count() == 0


def test_sessions_are_listed_page_by_page(api: Api) -> None:
    names = [made(api)["id"] for _ in range(3)] + [made(api, kind="gui")["id"]]
    page = api.client.get(f"{SESSIONS}?limit=3").json()
    fits("SessionList", page)
    assert ([row["id"] for row in page["data"]], page["has_more"]) == (names[:0:-1], True)
    rest = api.client.get(f"{SESSIONS}?limit=3&cursor={page['next_cursor']}").json()
    assert ([row["id"] for row in rest["data"]], rest["next_cursor"]) == (names[:1], None)
    assert [row["id"] for row in api.client.get(f"{SESSIONS}?kind=gui").json()["data"]] == names[3:]


def test_nobody_sees_or_goes_on_from_another_tenants_session(api: Api) -> None:
    session = made(api, system="secret")
    other = Api("other")
    path = f"{SESSIONS}/{session['id']}"
    for answer in (
        other.client.get(path),
        other.client.get(f"{path}/steps"),
        other.client.patch(path, {"system": "x"}, content_type="application/json"),
        other.post(f"{path}/steps", {"messages": [{"role": "user", "content": "x"}]}),
        other.client.delete(f"{path}/steps/1"),
        other.client.delete(path),
    ):
        problem(answer, 404, "not_found")
    assert problem(ask(other, session), 422, "invalid_input")["errors"][0]["pointer"] == "/session/id"
    assert other.client.get(SESSIONS).json()["data"] == []
    assert read(api, session)["version"] == 0


def test_erasing_a_session_erases_its_jobs_and_leaves_a_tombstone(api: Api) -> None:
    session = made(api, system="secret word")
    path = f"{SESSIONS}/{session['id']}"
    ask(api, session, "secret question")
    problem(api.client.delete(path), 409, "session_busy")
    answered("secret answer")
    assert api.client.delete(path).status_code == 204
    assert api.client.delete(path).status_code == 204, "harmless when it was erased before"
    problem(api.client.get(path), 410, "output_expired")
    row, job = Session.objects.get(), Job.objects.get()
    assert "secret" not in f"{row.system}{row.metadata}{job.input}{job.output}"
    assert Step.objects.count() == 0
    problem(ask(api, session), 422, "invalid_input")
    assert api.client.get(SESSIONS).json()["data"] == []


def test_an_erased_job_leaves_the_history(api: Api) -> None:
    session = made(api)
    job = ask(api, session, "secret").json()["id"]
    answered("noted")
    ask(api, session, "other")
    answered("fine")
    assert api.client.delete(f"{JOBS}/{job}").status_code == 204
    assert texts(entries(api, session)) == [("user", "other"), ("assistant", "fine")]
    assert read(api, session)["version"] == 3, "whoever goes on from version 2 is told"


def test_a_session_that_nobody_uses_is_deleted_after_its_retention(api: Api) -> None:
    old, busy, new = made(api, retention_s=60), made(api, retention_s=60), made(api)
    ask(api, busy)
    Session.objects.update(used_at=After(-3600))
    assert retention.apply_retention() == 1
    problem(api.client.get(f"{SESSIONS}/{old['id']}"), 404, "not_found")
    assert read(api, busy)["job"] is not None
    assert read(api, new)["version"] == 0


def test_a_batchs_lines_have_no_session(api: Api) -> None:
    principal = Principal(key=api.key, tenant=api.key.tenant)
    body = {"kind": "chat", "input": {"prompt": "x"}, "params": {}, "session": {"id": made(api)["id"]}}
    with pytest.raises(InvalidInput) as refused:
        submission(principal=principal, body=body)
    assert refused.value.errors[0].pointer == "/session"


def test_a_replay_of_a_sessions_job_stands_alone(api: Api) -> None:
    session = made(api, messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    job = ask(api, session, "c").json()["id"]
    answered("d")
    replayed = api.post(f"{JOBS}/{job}/replay", {}).json()
    assert replayed["session"] is None
    shown = api.client.get(f"{JOBS}/{replayed['id']}").json()["input"]["messages"]
    assert [text for _, text in texts(shown)] == ["a", "b", "c"]
    answered("e")
    assert read(api, session)["version"] == 2
