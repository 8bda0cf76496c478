"""What `skill bridge` writes: a zip that runs on a bare Python, and a template that deploys the same."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from skill.bridge import lambda_function, package
from skill.bridge.package import zipped
from tests.running.bridge import directive
from tests.running.ports import free_port
from tests.running.service import Service
from tests.skill.issuer import Issuer

RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import lambda_function
answer = lambda_function.lambda_handler(json.load(sys.stdin), None)
strangers = [name for name in sys.modules if name.split(".")[0] not in sys.stdlib_module_names | {"lambda_function"}]
print(json.dumps({"answer": answer, "strangers": [name for name in strangers if name != "__main__"]}))
"""


@pytest.fixture
def operator(tmp_path: Path) -> Service:
    """Without a single setting."""
    return Service("skill", {}, tmp_path, free_port())


def run(folder: Path, event: object, **environment: str) -> dict[str, Any]:
    """In a Python that has nothing but its standard library."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN, str(folder)],
        input=json.dumps(event),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.spec("S27")
async def test_the_zip_runs_on_a_bare_python(operator: Service, skill: Service, issuer: Issuer, lamp: str) -> None:
    assert operator.cli("bridge", "package").returncode == 0
    folder = operator.folder / "unpacked"
    zipfile.ZipFile(operator.folder / "alexa-bridge.zip").extractall(folder)
    sent = directive("Alexa", "ReportState", issuer.token(), lamp)
    done = run(folder, sent, SKILL_URL=skill.url, BRIDGE_SECRET=skill.settings["SKILL_BRIDGE_SECRET"])
    assert done["strangers"] == []
    assert done["answer"]["event"]["header"]["name"] == "StateReport"
    assert run(folder, sent)["answer"]["event"]["payload"]["type"] == "BRIDGE_UNREACHABLE"


def test_the_zip_is_the_same_bytes_every_time(operator: Service) -> None:
    old = os.umask(0o077)
    try:
        for name in ("one.zip", "two.zip"):
            assert operator.cli("bridge", "package", "--output", name).returncode == 0
    finally:
        os.umask(old)
    one, two = ((operator.folder / name).read_bytes() for name in ("one.zip", "two.zip"))
    assert one == two == zipped()
    (entry,) = zipfile.ZipFile(io.BytesIO(one)).infolist()
    assert (entry.filename, entry.date_time, entry.create_system) == ("lambda_function.py", (1980, 1, 1, 0, 0, 0), 3)
    assert entry.external_attr >> 16 == 0o100644


def test_the_settings_to_type_in_are_printed(operator: Service) -> None:
    printed = operator.cli("bridge", "package")
    assert printed.returncode == 0
    told = operator.cli_json("bridge", "package")
    module, _, function = told["handler"].partition(".")
    assert (module, hasattr(lambda_function, function)) == ("lambda_function", True)
    assert told["timeout_seconds"] == 8
    assert told["timeout_seconds"] > lambda_function.BUDGET + lambda_function.MARGIN
    assert set(told["environment"]) == {"SKILL_URL", "BRIDGE_SECRET"}
    assert set(told["regions"]) == {"us-east-1", "eu-west-1", "us-west-2"}
    for word in (told["handler"], told["runtime"], "SKILL_URL", "BRIDGE_SECRET", *told["regions"]):
        assert word in printed.stdout


def test_a_file_that_cannot_be_written_is_said(operator: Service) -> None:
    for command in ("package", "template"):
        done = operator.cli("bridge", command, "--output", "no/such/folder")
        assert (done.returncode, done.stderr.startswith("skill: no/such/folder cannot be written")) == (1, True)


class Cloud(yaml.SafeLoader):
    """YAML with CloudFormation's short forms as their long ones."""


Cloud.add_constructor("!Ref", lambda loader, node: {"Ref": loader.construct_scalar(node)})
Cloud.add_constructor("!GetAtt", lambda loader, node: {"Fn::GetAtt": loader.construct_scalar(node)})


def test_the_template_deploys_the_same_function_and_lets_this_skill_alone_call_it(operator: Service) -> None:
    printed = operator.cli("bridge", "template").stdout
    assert operator.cli("bridge", "template", "--output", "bridge.yaml").returncode == 0
    assert (operator.folder / "bridge.yaml").read_text() == printed
    assert len(printed) < 51_200, "a larger one would need a bucket"
    template = yaml.load(printed, Cloud)
    resources = template["Resources"]
    function = resources["Bridge"]["Properties"]
    assert function["Code"]["ZipFile"] == package.code()
    told = package.settings()
    assert function["Handler"] == "index.lambda_handler"
    assert [function[name] for name in ("Runtime", "MemorySize", "Timeout")] == [
        told[name] for name in ("runtime", "memory_mb", "timeout_seconds")
    ]
    variables = function["Environment"]["Variables"]
    assert set(variables) == set(package.ENVIRONMENT)
    assert resources["AlexaMayCall"]["Properties"] == {
        "FunctionName": {"Ref": "Bridge"},
        "Action": "lambda:InvokeFunction",
        "Principal": "alexa-connectedhome.amazon.com",
        "EventSourceToken": {"Ref": "SkillId"},
    }
    assert template["Parameters"]["BridgeSecret"]["NoEcho"] is True
    (policy,) = resources["Role"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == {"Fn::GetAtt": "Log.Arn"}


def test_the_template_refers_to_nothing_that_it_lacks() -> None:
    template = yaml.load(package.template(), Cloud)

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [str(name).split(".")[0] for key, name in value.items() if key in ("Ref", "Fn::GetAtt")]
            return own + [name for inner in value.values() for name in references(inner)]
        return [name for inner in value for name in references(inner)] if isinstance(value, list) else []

    named = set(template["Parameters"]) | set(template["Resources"])
    assert set(references(template)) <= named
    assert set(template["Parameters"]) <= set(references(template))
