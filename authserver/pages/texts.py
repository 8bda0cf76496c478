"""Sentences that rules only name. `_` and `_n` look texts up in the language of this request, `day`, `minute` and `ago`
write moments in it (`authserver.languages`)."""

from collections.abc import Mapping
from dataclasses import dataclass

from authserver.accounts import passkeys
from authserver.accounts.activity import Kind
from authserver.accounts.names import is_address
from authserver.accounts.password_policy import Policy, Weak, Weakness
from authserver.accounts.passwords import LONGEST
from authserver.accounts.places import Place
from authserver.accounts.second_factor.asking import Reason as Refused
from authserver.accounts.sign_in import Reason
from authserver.accounts.sign_up import UnusableName
from authserver.accounts.user_agents import ALEXA_APP, Device
from authserver.accounts.verification import CodeRefusal, Purpose
from authserver.languages import _, _n
from authserver.languages.moments import ago, day, minute, sentences, time_of_day
from authserver.models import Activity, Client
from authserver.settings import PeopleSettings, Settings

__all__ = [
    "_",
    "_n",
    "ago",
    "code_refusal",
    "day",
    "device",
    "event",
    "masked",
    "minute",
    "password_refusal",
    "permissions",
    "scope",
    "second_factor_refusal",
    "sentences",
    "sign_in_refusal",
    "time_of_day",
    "wait",
    "weakness",
]


def wait(seconds: int) -> str:
    """When to try again."""
    if seconds <= 90:
        return _n("Try again in {count} second.", "Try again in {count} seconds.", seconds).format(count=seconds)
    minutes = -(-seconds // 60)
    return _n("Try again in {count} minute.", "Try again in {count} minutes.", minutes).format(count=minutes)


def weakness(weak: Weak, settings: PeopleSettings) -> str:
    """Everything that is wrong with a password, a sentence each."""
    return sentences(*(_weakness(reason, Policy.of(settings)) for reason in weak.reasons))


def _weakness(reason: Weakness, policy: Policy) -> str:
    return {
        Weakness.TOO_SHORT: _n(
            "Use at least {count} character.", "Use at least {count} characters.", policy.shortest
        ).format(count=policy.shortest),
        Weakness.NO_UPPER: _("Use an upper-case letter, A to Z."),
        Weakness.NO_LOWER: _("Use a lower-case letter, a to z."),
        Weakness.NO_NUMBER: _("Use a digit."),
        Weakness.NO_SYMBOL: _("Use a symbol, such as ! or -, or a space in between."),
        Weakness.TEMPORARY: _("This is the temporary password. Choose another one."),
        Weakness.TOO_LONG: _("Use at most {longest} characters.").format(longest=LONGEST),
        Weakness.COMMON: _("This is one of the passwords that are guessed first. Several words in a row are better."),
        Weakness.OWN_WORDS: _("This is too close to your address or name, or to our name. Choose something else."),
    }[reason]


def name_label(settings: PeopleSettings) -> str:
    """Of the field for the name that people sign in with."""
    if not settings.username_signs_in:
        return _("E-mail")
    return _("E-mail or user name") if settings.email_signs_in else _("User name")


def name_missing(settings: PeopleSettings) -> str:
    if not settings.username_signs_in:
        return _("Type your e-mail address.")
    return _("Type your e-mail address or your user name.") if settings.email_signs_in else _("Type your user name.")


def name_unreadable(settings: PeopleSettings, typed: str) -> str:
    """What was typed can be nobody's name."""
    if not settings.username_signs_in or is_address(typed):
        return _("Type an e-mail address such as name@example.org.")
    return unusable_name(UnusableName.MALFORMED)


def unusable_name(reason: UnusableName) -> str:
    return {
        UnusableName.MISSING: _("Choose a user name."),
        UnusableName.MALFORMED: _(
            "A user name has letters, digits, dots, hyphens and underscores. It begins with a letter or a digit."
        ),
        UnusableName.TAKEN: _("This user name is taken. Choose another one."),
    }[reason]


def _wrong(settings: PeopleSettings) -> str:
    if not settings.username_signs_in:
        return _("The e-mail address or the password is not right.")
    if not settings.email_signs_in:
        return _("The user name or the password is not right.")
    return _("The e-mail address, user name or password is not right.")


def sign_in_refusal(reason: Reason, seconds: int, settings: PeopleSettings) -> str:
    return {
        Reason.WRONG: _wrong(settings),
        Reason.LOCKED: sentences(_("That was wrong too often."), wait(seconds)),
        Reason.TOO_MANY: sentences(_("There were too many attempts from your network."), wait(seconds)),
    }[reason]


def password_refusal(reason: Reason, seconds: int, settings: PeopleSettings) -> str:
    """For somebody who is signed in: the address is not in question."""
    if reason is Reason.WRONG:
        return _("This is not your present password.")
    return sign_in_refusal(reason, seconds, settings)


def too_many_codes(seconds: int) -> str:
    """Codes of devices, which nobody mails: there is no other way to go."""
    return sentences(_("There were too many attempts."), wait(seconds))


def device_asked(when: str, place: str, *, same_network: bool) -> str:
    """When and where from a device asked to be linked; `place`: '' where it is not known."""
    if same_network:
        return _("The device asked for it {when}, from the network that you are in.").format(when=when)
    if place:
        return _("The device asked for it {when}, from another network: {place}.").format(when=when, place=place)
    return _("The device asked for it {when}.").format(when=when)


def passkey_refusal(reason: passkeys.Reason, seconds: int = 0) -> str:
    """One that was to sign somebody in, or to prove a second factor."""
    return {
        passkeys.Reason.NOTHING: _("Your browser gave no passkey. Try again."),
        passkeys.Reason.OUTDATED: _("That took too long, or was tried twice. Try again."),
        passkeys.Reason.TOO_MANY: sentences(_("There were too many attempts from your network."), wait(seconds)),
    }.get(reason, _("This passkey opens no account here. Use another one, or sign in without one."))


def new_passkey_refusal(reason: passkeys.Reason) -> str:
    """One that was to be added."""
    return {
        passkeys.Reason.NOTHING: _("Your browser made no passkey. Try again."),
        passkeys.Reason.OUTDATED: _("That took too long, or was tried twice. Try again."),
        passkeys.Reason.KNOWN: _("This passkey is in use already."),
        passkeys.Reason.FULL: _("You have as many passkeys as there may be. Remove one first."),
    }.get(reason, _("This passkey cannot be used here. Try another device or password manager."))


def passkey_place(synced: bool) -> str:
    """Where it can be used."""
    return _("Synced across your devices") if synced else _("On one device only")


def passkey_name(found: Device) -> str:
    """What a new passkey is called until its owner says otherwise."""
    if found.system:
        return _("Passkey on {system}").format(system=found.system)
    return _("Passkey")


def code_refusal(reason: CodeRefusal) -> str:
    return {
        CodeRefusal.MALFORMED: _("The code has six digits."),
        CodeRefusal.WRONG: _("This is not the code that we sent last."),
        CodeRefusal.SPENT: _("This code can no longer be used. Ask for a new one below."),
        CodeRefusal.TOO_MANY: _("There were too many attempts. Try again later."),
    }[reason]


def mailed_code_refusal(reason: CodeRefusal) -> str:
    """Where the mail carries a link beside the code: guesses do not count for it."""
    if reason is CodeRefusal.TOO_MANY:
        return _("There were too many attempts. Open the link in the mail instead, or try again later.")
    return code_refusal(reason)


@dataclass(frozen=True)
class LinkWords:
    """What the page behind a mailed link says; `lead` names the address."""

    title: str
    lead: str
    button: str


def mailed_link(purpose: Purpose) -> LinkWords:
    if purpose is Purpose.RECOVERY:
        return LinkWords(
            _("Choose a new password"), _("Go on, and you choose a new password for {address}."), _("Go on")
        )
    if purpose is Purpose.UNLOCK:
        return LinkWords(
            _("Sign in now"), _("You need not wait any longer. The password of {address} is still needed."), _("Go on")
        )
    return LinkWords(_("Confirm your address"), _("You confirm that {address} is yours."), _("Confirm"))


def scope(name: str, settings: Settings, described: Mapping[str, str] | None = None) -> str:
    """What a scope lets an application do, in plain words: ours, or the operator's. `described`: those of resource
    servers (`ResourceServers.scopes`)."""
    known = {
        "openid": _("Recognise your account"),
        "profile": _("See your name and profile"),
        "email": _("See your e-mail address"),
        "phone": _("See your phone number"),
        "address": _("See your postal address"),
        "offline_access": _("Stay linked while you are away"),
    }
    own = settings.scope_words.get(name) or (described or {}).get(name)
    return _(own) if own else known.get(name) or _("Use the permission “{name}”").format(name=name)


def permissions(
    scopes: str, client: Client, settings: Settings, described: Mapping[str, str] | None = None
) -> list[str]:
    """What an application may do with these scopes, each thing once."""
    names = scopes.split()
    words = [scope(name, settings, described) for name in names]
    if client.userinfo_all_attributes and "openid" in names:
        words.append(_("See everything that is stored in your profile"))
    words.append(_("Act for you in services that accept this link, such as your lamps"))
    return list(dict.fromkeys(words))


def device(found: Device) -> str:
    """Where somebody is signed in."""
    browser = _("Alexa app") if found.browser == ALEXA_APP else found.browser
    if browser and found.system:
        return _("{browser} on {system}").format(browser=browser, system=found.system)
    return browser or (_("A browser on {system}").format(system=found.system) if found.system else _("A browser"))


def place(found: Place) -> str:
    """Where that was, as far as it is known; '' for nowhere."""
    if found.city and found.country:
        return _("{city}, {country}").format(city=found.city, country=found.country)
    return found.city or found.country


def event(found: Activity) -> str:
    """What happened to an account."""
    told = {name: str(found.details.get(name, "")) for name in ("application", "name", "new")}
    return {
        Kind.SIGNED_UP: _("Account created"),
        Kind.SIGNED_IN: _("Signed in"),
        Kind.SIGNED_OUT_DEVICES: _("Other devices signed out"),
        Kind.PASSWORD_CHANGED: _("Password changed"),
        Kind.PASSWORD_RESET: _("Forgotten password replaced"),
        Kind.USERNAME_CHANGED: _("User name changed to {new}"),
        Kind.EMAIL_CHANGED: _("E-mail address changed to {new}"),
        Kind.SECOND_FACTOR_ADDED: _("Second step for sign-in added"),
        Kind.SECOND_FACTOR_REMOVED: _("Second step for sign-in removed"),
        Kind.RECOVERY_CODES_MADE: _("New recovery codes made"),
        Kind.RECOVERY_CODE_USED: _("Recovery code used"),
        Kind.PASSKEY_ADDED: _("Passkey added: {name}"),
        Kind.PASSKEY_REMOVED: _("Passkey removed: {name}"),
        Kind.PASSKEY_REFUSED: _("Passkey refused because it may have been copied: {name}"),
        Kind.LINKED: _("{application} linked"),
        Kind.UNLINKED: _("{application} unlinked"),
        Kind.LOCKED: _("Sign-in delayed after wrong passwords"),
        Kind.SECOND_FACTOR_LOCKED: _("Second step delayed after wrong codes"),
    }[Kind(found.kind)].format(**told)


def second_factor_refusal(method: str, reason: Refused, seconds: int) -> str:
    """Why an answer of the second step does not count."""
    malformed = _("The code has six digits.")
    wrong = _("This is not the code that we sent last.")
    spent = _("This code can no longer be used. Ask for a new one below.")
    if method == "totp":
        wrong = _("This code is not right. Does your phone set its time automatically?")
        spent = _("This code was used already. Wait until your app shows the next one.")
    elif method == "recovery":
        malformed = _("A recovery code has sixteen letters and digits.")
        wrong = _("This is none of your recovery codes, or it was used already.")
        spent = wrong
    return {
        Refused.MALFORMED: malformed,
        Refused.WRONG: wrong,
        Refused.SPENT: spent,
        Refused.LOCKED: sentences(_("That was wrong too often."), wait(seconds)),
        Refused.TOO_MANY: sentences(_("There were too many attempts."), wait(seconds)),
    }[reason]


def masked(email: str) -> str:
    """Enough for its owner to know it, and for nobody else."""
    local, _at, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"
