"""The AWS CLI as botocore's service models have it: reads command lines, refuses what is not there, calls an endpoint.

The AWS CLI makes its commands from the same models: an operation by its name with dashes, its parameters as flags. Here
a command line becomes the parameters of the operation, checked by botocore's own validator, so that a test knows that a
recorded call is one that the AWS CLI takes; and with `serve` a program `aws` does at an endpoint what the AWS CLI would
do there.
"""

import functools
import json
import socketserver
import threading
from pathlib import Path

import botocore.session
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.validate import ParamValidator

# Flags that every command takes.
GLOBAL = {"--region", "--profile", "--output", "--query"}
# Commands that the AWS CLI has beside the models; their flags (aws-cli awscli/customizations/ecr.py).
CUSTOM = {("ecr", "get-login-password"): set()}
# Services whose command has another name than the model.
MODELS = {"s3api": "s3"}


class Unknown(Exception):
    """A command line that the AWS CLI would refuse."""


def flags(words):
    """`--flag value value` as a list of (flag, values)."""
    found = []
    for word in words:
        if word.startswith("--"):
            found.append((word, []))
        elif not found:
            raise Unknown(f"'{word}' stands before any flag")
        else:
            found[-1][1].append(word)
    return found


# Models are read once.
SESSION = botocore.session.get_session()
model_of = functools.cache(SESSION.get_service_model)


def read(words):
    """(service, operation, parameters, globals) of a command line without `aws`. Raises Unknown."""
    service, command, rest = words[0], words[1], flags(words[2:])
    own = {flag: values[0] for flag, values in rest if flag in GLOBAL}
    rest = [(flag, values) for flag, values in rest if flag not in GLOBAL]
    if (service, command) in CUSTOM:
        unknown = {flag for flag, _ in rest} - CUSTOM[service, command]
        if unknown:
            raise Unknown(f"{service} {command} has no {', '.join(unknown)}")
        return service, None, {}, own
    service = MODELS.get(service, service)
    if service not in SESSION.get_available_services():
        raise Unknown(f"there is no service {service}")
    model = model_of(service)
    operation = {xform_name(name, "-"): name for name in model.operation_names}.get(command)
    if not operation:
        raise Unknown(f"{service} has no operation {command}")
    shape = model.operation_model(operation).input_shape
    members = {xform_name(name, "-"): name for name in shape.members}
    parameters = {}
    for flag, values in rest:
        name, is_true = flag[2:], True
        if name not in members and name.startswith("no-"):
            name, is_true = name[3:], False
        if name not in members:
            raise Unknown(f"{service} {command} has no parameter {flag}")
        parameters[members[name]] = value(shape.members[members[name]], values, is_true, f"{service} {command} {flag}")
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise Unknown(f"{service} {command}: {report.generate_report()}")
    return service, operation, parameters, own


def has(service, command):
    """Whether there is such a command."""
    service = MODELS.get(service, service)
    if service not in SESSION.get_available_services():
        return False
    return command in {xform_name(name, "-") for name in model_of(service).operation_names}


def value(shape, words, is_true, where):
    """What the words of a flag mean for a member of this shape."""
    kind = shape.type_name
    if kind == "boolean":
        if words:
            raise Unknown(f"{where} takes no value")
        return is_true
    if not is_true or not words:
        raise Unknown(f"{where} needs a value")
    if words[0][:1] in "[{" and kind in ("list", "structure", "map"):
        return json.loads(words[0])
    if kind == "list":
        return [value(shape.member, [word], True, where) for word in words]
    if len(words) > 1:
        raise Unknown(f"{where} takes one value, not {len(words)}")
    word = words[0]
    if kind == "structure":
        pairs = dict(part.split("=", 1) for part in word.split(","))
        return {
            key: value(shape.members[key], [text], True, where)
            if shape.members[key].type_name != "boolean"
            else text == "true"
            for key, text in pairs.items()
        }
    if word.startswith("file://"):
        return Path(word[7:]).read_text()
    if kind == "blob":
        return Path(word).read_bytes()
    if kind in ("integer", "long"):
        return int(word)
    if kind in ("float", "double"):
        return float(word)
    return word


def conforms(service, operation, answer):
    """Refuses an answer with a member that the operation does not give: a stand-in plays what AWS could say."""
    compare(model_of(service).operation_model(operation).output_shape, answer, f"{service} {operation}")


def compare(shape, answer, where):
    """Raises Unknown at the first member of `answer` that the shape does not have."""
    if shape is None:
        if answer:
            raise Unknown(f"{where} gives nothing")
    elif shape.type_name == "structure":
        for key, inner in answer.items():
            if key not in shape.members:
                raise Unknown(f"{where} gives no {key}")
            compare(shape.members[key], inner, f"{where}.{key}")
    elif shape.type_name == "list":
        for inner in answer:
            compare(shape.member, inner, where)
    elif getattr(shape, "enum", None) and answer not in shape.enum:
        raise Unknown(f"{where} is never {answer}")


class Endpoint:
    """Does what `aws` would do at an endpoint; clients are made once."""

    def __init__(self, url):
        self.url = url
        self.clients = {}

    def call(self, words):
        """(exit code, standard output, standard error) of a command line without `aws`."""
        if words == ["--version"]:
            return 0, f"aws-cli/2.0.0 botocore/{botocore.__version__}", ""
        try:
            service, operation, parameters, own = read(words)
            client = self.client(service, own.get("--region"))
            if client.can_paginate(xform_name(operation)):
                answer = client.get_paginator(xform_name(operation)).paginate(**parameters).build_full_result()
            else:
                answer = getattr(client, xform_name(operation))(**parameters)
        except (Unknown, BotoCoreError, ClientError) as error:
            return 254, "", f"\n{error}\n"
        answer.pop("ResponseMetadata", None)
        return 0, json.dumps(answer, default=str), ""

    def client(self, service, region):
        """The client of a service."""
        if service not in self.clients:
            keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            self.clients[service] = SESSION.create_client(service, region_name=region, endpoint_url=self.url, **keys)
        return self.clients[service]


def serve(path, url):
    """Takes command lines of `SCRIPT` on a socket and does them at an endpoint; gives the server, run by a thread."""
    endpoint = Endpoint(url)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            answer = endpoint.call(json.loads(self.rfile.readline()))
            self.wfile.write(json.dumps(answer).encode())

    server = socketserver.UnixStreamServer(path, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


# An `aws` that has `serve` do its work: it starts at once.
SCRIPT = """#!{python} -IS
import json, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({path!r})
line.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
code, out, error = json.loads(b"".join(iter(lambda: line.recv(65536), b"")))
print(out)
sys.stderr.write(error)
sys.exit(code)
"""
