"""The walk without docker: an emulator with what infra/storage.yaml makes, simulated Bedrock, one splitter, three
workers and one aggregator, each a process of its own; a CSV dropped into the inbox bucket; its summary.

    localstack/walk [FILE.csv]

Nothing here leaves the machine and nothing is paid for. What was started is ended, also by Ctrl-C.
"""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import stack
from usage import Parser

HERE = Path(__file__).resolve().parent
STORAGE = HERE.parent / "infra" / "storage.yaml"
STOP_S = 120
# Where the template has the inbox unless its parameter says otherwise.
INBOX = "inbox/"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Fleet:
    """The processes that were started."""

    def __init__(self, logs):
        self.logs, self.running, self.emulator = logs, [], None
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name, command, env, out=None):
        log = open(self.logs / f"{name}.log", "wb")
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=out or log,
            stderr=log,
            # Ctrl-C comes to this script alone, which ends them one by one.
            start_new_session=True,
        )
        self.running.append((name, process))
        return process

    def check(self):
        for name, process in self.running:
            if process.poll() is not None:
                tail = (self.logs / f"{name}.log").read_text(errors="replace")[-2_000:]
                raise SystemExit(f"walk: {name} ended with {process.returncode}; its last words:\n{tail}")

    def end(self):
        """Asks each to stop, and says who did not end well."""
        bad = []
        for _, process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        # All at once: each waits for its long poll to end.
        for name, process in reversed(self.running):
            if process.poll() is None:
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    bad.append(f"{name} had to be killed")
            if process.returncode != 0:
                bad.append(f"{name} ended with {process.returncode}")
        self.running = []
        if self.emulator:
            self.emulator.stdin.close()
            self.emulator.wait()
        return bad


def wait_for(what, seconds, look, fleet):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        fleet.check()
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise SystemExit(f"walk: {what} did not come within {seconds} s; logs are in {fleet.logs}")


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
        return True
    except OSError:
        return False


def started_simulator(fleet, binaries, latency_ms):
    """The simulated Bedrock; its URL."""
    port = free_port()
    command = [binaries / "annexa", "sim-bedrock", "--port", port, "--latency-ms", latency_ms]
    fleet.start("sim-bedrock", command, {})
    wait_for("the simulated Bedrock", 30, lambda: answers(port), fleet)
    return f"http://127.0.0.1:{port}"


def started_emulator(fleet):
    """An emulator that ends when its standard input does, so also when this script is killed."""
    log = open(fleet.logs / "emulator.log", "wb")
    fleet.emulator = subprocess.Popen(
        [sys.executable, HERE / "emulator.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    address = fleet.emulator.stdout.readline().strip()
    if not address:
        raise SystemExit(f"walk: the emulator did not start; see {fleet.logs}/emulator.log")
    return address


def start_services(fleet, binaries, env, workers):
    for role in ["splitter"] + [f"worker-{n}" for n in range(1, workers + 1)] + ["aggregator"]:
        binary = binaries / f"annexa-{role.split('-')[0]}"
        fleet.start(role, [binary], env)


def drop(s3, bucket, file, problem):
    """The sidecar first, then the CSV: its event finds both there."""
    sidecar = json.dumps({"problem_type": problem}).encode()
    s3.put_object(Bucket=bucket, Key=f"{INBOX}{file.name}.json", Body=sidecar)
    s3.upload_file(str(file), bucket, f"{INBOX}{file.name}")


def ended(s3, bucket):
    """The prefix of a job that has ended; its manifest is written last."""
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix="results/").get("Contents", []):
        if entry["Key"].endswith("/manifest.json"):
            return entry["Key"].removesuffix("manifest.json")
    return None


def download(s3, bucket, prefix, out):
    out.mkdir(parents=True, exist_ok=True)
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/").get("Contents", []):
        s3.download_file(bucket, entry["Key"], str(out / entry["Key"].removeprefix(prefix)))
    return json.loads((out / "summary.json").read_text())


def show(summary, out):
    print(f"\n{summary['job_id']}: {summary['status']}")
    outcomes = ", ".join(f"{count} {kind}" for kind, count in summary["outcomes"].items() if count)
    print(f"  rows      {summary['total_records']} ({outcomes or 'none'})")
    print(f"  calls     {summary['calls']}, retries {summary['retries']}, throttles {summary['throttles']}")
    print(f"  cost      {summary['total_estimated_cost']} USD at list price (simulated: nothing was paid)")
    if summary.get("reason"):
        print(f"  reason    {summary['reason']}")
        return
    with open(out / "results.csv", newline="") as results:
        for row, _ in zip(csv.DictReader(results), range(3)):
            term = row.get("product_problem_term") or row.get("patient_problem_term") or row["outcome"]
            print(f"  row {row['row']:>4}  {row['id']}  {term}")
    print(f"  files     {out}")


def main():
    parser = Parser(prog="localstack/walk", description="Code a CSV with a fleet on this machine: emulator, simulated Bedrock, five services.")
    examples = HERE.parent / "examples" / "maude_sample.csv"
    parser.add_argument("file", nargs="?", type=Path, default=examples, help="the CSV to code (default: the example)")
    parser.add_argument("--endpoint-url", help="an endpoint that runs already (default: an emulator of its own)")
    parser.add_argument("--bin", type=Path, default=HERE.parent / "target" / "release", help="where the programs are")
    parser.add_argument("--out", type=Path, default=HERE.parent / "target" / "walk", help="where results and logs go")
    parser.add_argument("--problem", default="both", choices=["product", "patient", "both"])
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--latency-ms", default="50", help="how long the simulated model takes")
    parser.add_argument("--within-s", type=int, default=900, help="give up after so long")
    args = parser.parse_args()
    if not args.file.is_file():
        parser.error(f"{args.file}: there is no such file")
    missing = [name for name in ("annexa", "annexa-splitter") if not (args.bin / name).is_file()]
    if missing:
        parser.error(f"{args.bin}: no {', '.join(missing)} there; run 'cargo build --release', or name --bin")
    # Asked to end, it ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    fleet = Fleet(args.out / "logs")
    try:
        endpoint = args.endpoint_url or started_emulator(fleet)
        # Names of its own, so that a second walk at the same endpoint does not meet the first one's job.
        name = f"annexa-{os.getpid()}" if args.endpoint_url else "annexa"
        env = stack.deployed(endpoint, STORAGE, name)
        env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = started_simulator(fleet, args.bin, args.latency_ms)
        print(f"emulator at {endpoint}, simulated Bedrock at {env['AWS_ENDPOINT_URL_BEDROCK_RUNTIME']}")
        start_services(fleet, args.bin, env, args.workers)
        print(f"started one splitter, {args.workers} workers, one aggregator; logs in {fleet.logs}")
        s3 = stack.client("s3", endpoint)
        drop(s3, env["ANNEXA_INBOX_BUCKET"], args.file, args.problem)
        print(f"dropped {args.file.name} into s3://{env['ANNEXA_INBOX_BUCKET']}/{INBOX}")
        results = env["ANNEXA_OUTPUT_BUCKET"]
        prefix = wait_for("the summary", args.within_s, lambda: ended(s3, results), fleet)
        summary = download(s3, results, prefix, args.out)
        show(summary, args.out)
    finally:
        print("ending; services wait for their long polls, up to 20 s", file=sys.stderr)
        bad = fleet.end()
    for problem in bad:
        print(f"walk: {problem}", file=sys.stderr)
    return 1 if bad or not summary["status"].startswith("COMPLETED") else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except stack.Failed as failed:
        sys.exit(f"walk: {failed}")
