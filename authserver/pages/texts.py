"""Sentences that rules only name, and the one way in which texts are looked up, so that catalogues can come later."""

from gettext import NullTranslations

from authserver.accounts.password_policy import SHORTEST, Weakness
from authserver.accounts.passwords import LONGEST
from authserver.accounts.sign_in import Reason
from authserver.accounts.verification import CodeRefusal

LANGUAGE = "en"
_TRANSLATIONS = NullTranslations()


def _(text: str) -> str:
    return _TRANSLATIONS.gettext(text)


def _n(one: str, many: str, count: int) -> str:
    return _TRANSLATIONS.ngettext(one, many, count)


def wait(seconds: int) -> str:
    """When to try again."""
    if seconds <= 90:
        return _n("Try again in {count} second.", "Try again in {count} seconds.", seconds).format(count=seconds)
    minutes = -(-seconds // 60)
    return _n("Try again in {count} minute.", "Try again in {count} minutes.", minutes).format(count=minutes)


def weakness(reason: Weakness) -> str:
    return {
        Weakness.TOO_SHORT: _("Use at least {shortest} characters.").format(shortest=SHORTEST),
        Weakness.TOO_LONG: _("Use at most {longest} characters.").format(longest=LONGEST),
        Weakness.COMMON: _("This is one of the passwords that are guessed first. Several words in a row are better."),
        Weakness.OWN_WORDS: _("This is too close to your address or to our name. Choose something else."),
    }[reason]


def sign_in_refusal(reason: Reason, seconds: int) -> str:
    return {
        Reason.WRONG: _("The e-mail address or the password is not right."),
        Reason.LOCKED: _("That was wrong too often.") + " " + wait(seconds),
        Reason.TOO_MANY: _("There were too many attempts from your network.") + " " + wait(seconds),
    }[reason]


def code_refusal(reason: CodeRefusal) -> str:
    return {
        CodeRefusal.MALFORMED: _("The code has six digits."),
        CodeRefusal.WRONG: _("This is not the code that we sent last."),
        CodeRefusal.SPENT: _("This code can no longer be used. Ask for a new one below."),
        CodeRefusal.TOO_MANY: _("There were too many attempts. Try again later."),
    }[reason]


def scope(name: str) -> str:
    """What a scope lets an application do, in plain words."""
    return {
        "openid": _("Recognise your account"),
        "profile": _("See your name and profile"),
        "email": _("See your e-mail address"),
        "phone": _("See your phone number"),
        "address": _("See your postal address"),
        "offline_access": _("Stay linked while you are away"),
    }.get(name, _("Use the permission “{name}”").format(name=name))
