"""The kinds that have sessions, one line each."""

from sightline.sessions.agent_run import AgentRun
from sightline.sessions.dialogue import Dialogue
from sightline.sessions.forms import Form

FORMS: dict[str, Form] = {"chat": Dialogue(), "gui": AgentRun()}
