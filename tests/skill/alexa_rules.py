"""What a message to Alexa must be: the models and rules of `tests.skill.answers`, for tests."""

from tests.skill.answers.answer import CHANGED, check_answer, check_complete
from tests.skill.answers.events import check_event

__all__ = ["CHANGED", "check_answer", "check_complete", "check_event"]
