"""The two rounds: development mode as it comes, and production with TLS."""

import secrets
import ssl
import time
from typing import Any

import httpx2

from development.compose_test.alexa import AlexaAt, check
from development.compose_test.reach import Reach
from development.compose_test.simulator import link_and_discover
from development.compose_test.stack import CommandFailed, Stack, say
from tests.running.linking import Person
from tests.running.ports import LOOPBACK, free_port
from tests.vectors.alexa import VENDOR_ID

READY_WITHIN = 240  # seconds
SERVICES = ("authserver", "skill")


async def wait_until_ready(reach: Reach, *urls: str) -> None:
    """Until `/readyz` of each URL answers 200; says what is missing whenever that changes."""
    deadline = time.monotonic() + READY_WITHIN
    for url in urls:
        said = ""
        while True:
            try:
                async with reach.client() as client:
                    answer = await client.get(f"{url}/readyz")
                if answer.status_code == 200:
                    say(f"{url} is ready")
                    break
                state = f"{answer.status_code} {answer.text[:200]}"
            except httpx2.TransportError as error:
                state = type(error).__name__
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} was not ready within {READY_WITHIN} s: {state}")
            if state != said:
                said = state
                say(f"waiting for {url}: {state}")
            time.sleep(0.5)


def register(stack: Stack) -> tuple[Person, dict[str, Any]]:
    """A user and an Alexa client by authserver's commands."""
    person = Person(f"person-{secrets.token_hex(4)}@example.org")
    made = stack.cli("authserver", "user", "add", person.email, "--password-stdin", "--verified", stdin=person.password)
    say(f"user {person.email} is {made['sub']}")
    client = stack.cli("authserver", "client", "add-alexa", "--vendor-id", VENDOR_ID)
    say(f"client {client['client_id']}")
    return Person(person.email, person.password, made["sub"]), client


def add_lamp(stack: Stack, person: Person) -> str:
    made = stack.cli("skill", "lamp", "add", "--owner", person.sub, "--name", "Compose lamp", "--driver", "simulated")
    say(f"lamp {made['endpoint_id']}")
    return str(made["endpoint_id"])


def check_containers(stack: Stack) -> None:
    """Neither root nor able to write, healthy by their own check, without the other's code."""
    for service, port, other in (("authserver", "8000", "skill"), ("skill", "8001", "authserver")):
        check(stack.inside(service, "id", "-u").strip() == "10001", f"{service} does not run as 10001")
        stack.inside(service, "ready", port)
        for attempt in ("touch /app/x", "touch /secrets/x", "touch /venv/x", f"test -e /app/{other}"):
            try:
                stack.inside(service, "sh", "-c", attempt)
            except CommandFailed:
                continue
            raise AssertionError(f"`{attempt}` succeeded in {service}")
    stack.inside("mosquitto", "sh", "/mosquitto/config/healthy.sh")
    say("containers: not root, read-only, healthy, each without the other service's code")


def restart(stack: Stack) -> None:
    """`stop` and `up`: podman 4 refuses `restart` for a container that depends on an ended one."""
    say("stopping both services")
    stack.run("stop", *SERVICES)
    stack.up()


async def development(project: str) -> None:
    """What `docker compose up` gives without any setting, except for the ports."""
    ports = {service: free_port() for service in SERVICES}
    settings = {"AUTHSERVER_PORT": str(ports["authserver"]), "SKILL_PORT": str(ports["skill"])}
    issuer, skill = (f"http://localhost:{ports[service]}" for service in SERVICES)
    reach = Reach()
    with Stack(project, settings) as stack:
        stack.build()
        stack.up()
        await wait_until_ready(reach, issuer, skill)
        check_containers(stack)
        async with reach.client() as client:
            stranger = await client.get(f"{skill}/simulator/", headers={"host": "lamps.example.org"})
            check(stranger.status_code != 200, "the simulator answers to a Host that is not loopback")
        await link_and_discover(stack, reach, skill)
        person, client_made = register(stack)
        endpoint_id = add_lamp(stack, person)
        say("allowing the new client: SKILL_CLIENT_IDS")
        stack.settings["SKILL_CLIENT_IDS"] = client_made["client_id"]
        stack.up("skill")
        await wait_until_ready(reach, skill)
        alexa = AlexaAt(stack, reach, issuer, skill, client_made)
        linked = await alexa.link(person)
        await alexa.switch_on(linked.access_token, endpoint_id)
        restart(stack)
        await wait_until_ready(reach, issuer, skill)
        await alexa.refresh(linked)
        await alexa.is_on(linked.access_token, endpoint_id)
        alexa.logged_no_secret()


AUTH_DOMAIN, SKILL_DOMAIN = "auth.lamps.example", "skill.lamps.example"


def production_settings(https: int) -> dict[str, str]:
    """deploy/production.env.example, filled in; an internal authority in the public one's place."""
    return {
        "COMPOSE_PROFILES": "public",
        "AUTHSERVER_DEVELOPMENT": "0",
        "SKILL_DEVELOPMENT": "0",
        "AUTH_DOMAIN": AUTH_DOMAIN,
        "SKILL_DOMAIN": SKILL_DOMAIN,
        "AUTHSERVER_ISSUER": f"https://{AUTH_DOMAIN}",
        "SKILL_PUBLIC_URL": f"https://{SKILL_DOMAIN}",
        "AUTHSERVER_WORKERS": "2",
        "CADDY_GLOBAL_OPTIONS": "local_certs",
        "PUBLIC_ADDRESS": LOOPBACK,
        "PUBLIC_HTTP_PORT": str(free_port()),
        "PUBLIC_HTTPS_PORT": str(https),
        "AUTHSERVER_PORT": str(free_port()),
        "SKILL_PORT": str(free_port()),
    }


async def authority(stack: Stack, https: int) -> str:
    """The certificate of Caddy's internal authority, which it makes at its first start."""
    for _ in range(60):
        try:
            return stack.inside("caddy", "cat", "/data/caddy/pki/authorities/local/root.crt")
        except CommandFailed:
            time.sleep(1)
    raise TimeoutError(f"Caddy on port {https} made no authority within 60 s")


def check_tls(root: str, https: int) -> None:
    """A33: TLS 1.2 with the commonest suite, and a chain that verifies from the root alone."""
    context = ssl.create_default_context(cadata=root)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    for name in (AUTH_DOMAIN, SKILL_DOMAIN):
        with httpx2.Client(verify=context, trust_env=False) as client:
            answer = client.get(
                f"https://{LOOPBACK}:{https}/healthz", headers={"host": name}, extensions={"sni_hostname": name}
            )
        check(answer.status_code == 200, f"{name} over TLS 1.2: {answer.status_code}")
    say("TLS 1.2 with ECDHE-RSA-AES128-GCM-SHA256, the whole chain sent")


async def production(project: str) -> None:
    """No development mode, https by Caddy, the order of docs/deployment.md: authserver, a client, then skill."""
    https = free_port()
    with Stack(project, production_settings(https)) as stack:
        stack.build()
        stack.up("authserver", "caddy")
        root = await authority(stack, https)
        reach = Reach({AUTH_DOMAIN: https, SKILL_DOMAIN: https}, ssl.create_default_context(cadata=root))
        issuer, skill = f"https://{AUTH_DOMAIN}", f"https://{SKILL_DOMAIN}"
        await wait_until_ready(reach, issuer)
        person, client_made = register(stack)
        stack.settings["SKILL_CLIENT_IDS"] = client_made["client_id"]
        stack.up()
        await wait_until_ready(reach, issuer, skill)
        check_tls(root, https)
        check_containers(stack)
        async with reach.client() as client:
            for url in (f"{skill}/simulator/", f"{issuer}/dev/mailbox"):
                answer = await client.get(url)
                check(answer.status_code == 404, f"{url} answered {answer.status_code} in production")
        say("no simulator, no development mailbox")
        endpoint_id = add_lamp(stack, person)
        alexa = AlexaAt(stack, reach, issuer, skill, client_made)
        linked = await alexa.link(person)
        await alexa.refuses_unsigned(linked.access_token)
        await alexa.switch_on(linked.access_token, endpoint_id)
        alexa.logged_no_secret()
