"""A pool of threads over boto3's converse, as scripts have it: the same requests as the other clients of benches/calls.rs."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config


def main() -> None:
    url, bodies = sys.argv[1], sys.argv[2]
    with open(bodies, encoding="utf-8") as file:
        parts = json.load(file)
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        config=Config(max_pool_connections=parts["in_flight"]),
    )
    system = [{"text": parts["system"]}, {"cachePoint": {"type": "default"}}]
    spec = {"name": parts["tool"], "description": parts["description"], "inputSchema": {"json": parts["schema"]}}
    tools = {"tools": [{"toolSpec": spec}], "toolChoice": {"tool": {"name": parts["tool"]}}}

    def ask(text: str) -> bool:
        answer = client.converse(
            modelId=parts["model"],
            system=system,
            messages=[{"role": "user", "content": [{"text": text}]}],
            toolConfig=tools,
            inferenceConfig={"maxTokens": 500, "temperature": 0.0},
        )
        return bool(answer["output"])

    with ThreadPoolExecutor(parts["in_flight"]) as pool:
        answered = sum(pool.map(ask, parts["messages"]))
    assert answered == len(parts["messages"])
    print(f"{answered} answers")


main()
