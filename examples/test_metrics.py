"""Reads what metrics serves as Prometheus would: by a small parser of its text format."""
import re
import socket

from test import check, run
from test_servers import HOST, Server, receive_all

SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z]+)="([^"]*)"\})? (\S+)')
SUFFIXES = {"_bucket", "_sum", "_count"}


def parse(text):
    """{name: (type, [(sample's name, label's value, value)])}; every line is as the format has it."""
    metrics, name = {}, None
    check("the last line ends", text.endswith("\n"), True)
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            check(f"{name} is told once", name in metrics, False)
        elif line.startswith("# TYPE "):
            check("TYPE follows HELP", line.split()[2], name)
            metrics[name] = (line.split()[3], [])
        else:
            sample, _, label, value = SAMPLE.fullmatch(line).groups()
            check(f"{sample} belongs to {name}", sample.removeprefix(name) in SUFFIXES | {""}, True)
            metrics[name][1].append((sample, label, float(value)))
    return metrics


def check_histogram(name, samples):
    buckets = [(label, value) for sample, label, value in samples if sample == name + "_bucket"]
    bounds = [float(label) for label, _ in buckets]
    counts = [value for _, value in buckets]
    check(f"bounds of {name}", bounds, sorted(set(bounds)))
    check(f"{name} is cumulative", counts, sorted(counts))
    check(f"the last of {name}", buckets[-1][0], "+Inf")
    rest = {sample: value for sample, label, value in samples if label is None}
    check(f"{name}: all", counts[-1], rest[name + "_count"])
    check(f"{name}: something was counted", counts[-1] > 0, True)
    check(f"{name}: a sum", rest[name + "_sum"] > 0, True)
    return bounds, counts[-1]


def check_metrics(text):
    metrics = parse(text)
    types = [kind for kind, _ in metrics.values()]
    check("types", {kind: types.count(kind) for kind in types}, {"gauge": 4, "counter": 9, "histogram": 3})
    for name, (kind, samples) in metrics.items():
        if kind == "histogram":
            check_histogram(name, samples)
        elif kind == "counter":
            check(f"{name} ends as counters do", name.endswith("_total"), True)
    tasks = {label: value for _, label, value in metrics["eddy_tasks"][1]}
    check("states", list(tasks), ["running", "ready", "waiting"])
    check("the one that answers runs", tasks["running"], 1)
    check("the one that accepts waits", tasks["waiting"] >= 1, True)
    return metrics


def ask(server, request):
    with server.connect() as client:
        client.sendall(request)
        head, body = receive_all(client).decode().split("\r\n\r\n", 1)
    return head.split("\r\n"), body


def test(program, work):
    with Server(program, f"{HOST}:0") as server:
        url = f"http://{HOST}:{server.port}"
        curl = ("curl", "-s", "--noproxy", "*", "-w", "%{http_code} %{content_type}", "-o", work / "got")
        check("curl", run(*curl, url + "/metrics").stdout, "200 text/plain; version=0.0.4; charset=utf-8")
        first = check_metrics((work / "got").read_text())
        head, body = ask(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n")
        check("length", f"Content-Length: {len(body)}" in head, True)
        second = check_metrics(body)
        for name, (kind, samples) in first.items():
            if kind == "histogram":
                labels = [label for _, label, _ in samples]
                check(f"the same buckets of {name}", [label for _, label, _ in second[name][1]], labels)
            elif kind == "counter":
                check(f"{name} does not fall", second[name][1][0][2] >= samples[0][2], True)
        check("another page", ask(server, b"GET / HTTP/1.1\r\n\r\n")[0][0], "HTTP/1.1 404 Not Found")
        check("another verb", ask(server, b"POST /metrics HTTP/1.1\r\n\r\n")[0][0],
              "HTTP/1.1 405 Method Not Allowed")
        for rude in (b"", b"GET /metrics", b"x" * 10_000, b"\n" * 3):
            with server.connect() as client:
                client.sendall(rude)
                client.shutdown(socket.SHUT_WR)
                try:
                    receive_all(client)
                except ConnectionResetError:
                    pass
        check_metrics(ask(server, b"GET /metrics HTTP/1.0\n\n")[1])
