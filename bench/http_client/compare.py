"""A page of 1 KiB from nginx, asked for by eddy-http, by libcurl alone and by aiohttp: one request at a time
and 64 at once, on connections that stay. All send the same request, with a User-Agent and the codings that
they undo. libcurl's own loops take the URL apart for each request, as a program does that sets it once;
eddy-http hands it to libcurl in parts, and takes it apart again only where it is another.

    bench/run http_client                                          builds, and runs this
    python3 bench/http_client/compare.py [--build DIR] [--rounds N] [--seconds S] [--smoke]
"""
import json
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import nginx  # noqa: E402
import rounds  # noqa: E402

AIOHTTP = """
import aiohttp, asyncio, json, sys, time
async def ask(session, url, count):
    for _ in range(count):
        async with session.get(url) as response:
            if response.status != 200 or not await response.text():
                raise SystemExit(1)
async def main():
    url, count, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    async with aiohttp.ClientSession() as session:
        for wanted in 20, count // at_once:
            began, used = time.monotonic(), time.process_time()
            await asyncio.gather(*(ask(session, url, wanted) for _ in range(at_once)))
        print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - used}))
asyncio.run(main())
"""


def python_with_aiohttp():
    """This one, or Debian's; None where neither has it."""
    for python in sys.executable, "/usr/bin/python3":
        try:
            rounds.output_of([python, "-c", "import aiohttp"])
            return python
        except (rounds.Failed, OSError):
            continue
    return None


def clients(build, at_once):
    """Each with its command line, and how many requests it makes in a second, roughly."""
    folder = pathlib.Path(build, "bench", "http_client")
    for name in "http_client_eddy", "http_client_raw":
        if not (folder / name).exists():
            raise rounds.Skip(f"{name} is not built (needs libcurl4-openssl-dev)")
    found = {"eddy": ([folder / "http_client_eddy"], 10_000)}
    if at_once == 1:
        found["curl_easy_perform"] = ([folder / "http_client_raw", "easy"], 10_000)
    found["curl_multi_poll"] = ([folder / "http_client_raw", "multi"], 10_000)
    python = python_with_aiohttp()
    if python:
        found["aiohttp"] = ([python, "-c", AIOHTTP], 1_000)
    return found


def scenario(chosen, server, at_once):
    first, last = rounds.first_and_last_cpu()
    client_cpu = first if at_once == 1 else last
    url = f"http://127.0.0.1:{server.port}/file"
    found = {}
    commands = clients(chosen.build, at_once)
    names = list(commands)
    for number in range(chosen.rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            command, rate = commands[name]
            count = max(int(rate * chosen.seconds) // at_once, 1) * at_once
            text = rounds.output_of([*command, url, count, at_once], client_cpu, patience=300)
            said = json.loads(text)
            found.setdefault(name, []).append({"rate": count / said["seconds"],
                                               "cost": said["cpu"] / count * 1e6})
    base = found["curl_easy_perform" if at_once == 1 else "curl_multi_poll"]
    print(f"\n{at_once} at once; server on CPU {first}, client on {client_cpu}\n")
    rounds.table(["", "requests/s", "ratio", "client's CPU, us", "ratio"], [
        [name, f"{rounds.median(found[name], 'rate'):.0f}", f"{rounds.ratio(found[name], base, 'rate'):.2f}",
         f"{rounds.median(found[name], 'cost'):.1f}", f"{rounds.ratio(found[name], base, 'cost'):.2f}"]
        for name in names])


def body():
    chosen = rounds.options(7, 1, "eddy-http, libcurl and aiohttp side by side.")
    rounds.needs({"nginx": "nginx-light"})
    print("Ratios to libcurl's own loop")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "root").mkdir()
        pathlib.Path(folder, "root", "file").write_bytes(os.urandom(512).hex().encode())
        server = nginx.server(folder)
        server.start(rounds.first_and_last_cpu()[0])
        try:
            for at_once in 1, 64:
                scenario(chosen, server, at_once)
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(rounds.main(body))
