"""multi_core: everybody is answered, by some core, and the cores' own counts agree."""
import collections
import re
import signal
import socket
import subprocess

from test import check, receive

CLIENTS = 64


def ask(client, line):
    client.sendall(line)
    answer = b""
    while not answer.endswith(b"\n"):
        part = receive(client, 1)
        check("a byte", len(part), 1)
        answer += part
    return answer.decode().strip()


def started(program, loops):
    server = subprocess.Popen([program, "127.0.0.1:0", str(loops)], stdout=subprocess.PIPE, text=True)
    return server, int(server.stdout.readline().rsplit(":", 1)[1])


def ended(server, with_signal):
    server.send_signal(with_signal)
    report = server.communicate(timeout=100)[0]
    check("exit code", server.returncode, 0)
    return re.findall(r"^(core \d+): (\d+) connections, (\d+) lines$", report, re.MULTILINE)


def test(program, work):
    for loops, with_signal in ((3, signal.SIGTERM), (1, signal.SIGINT)):
        server, port = started(program, loops)
        served = collections.Counter()
        clients = [socket.create_connection(("127.0.0.1", port), 100) for _ in range(CLIENTS)]
        for number, client in enumerate(clients):
            served[ask(client, b"who\n")] += 1
            check("echo", ask(client, b"%d\n" % number), str(number))
        for client in clients[::2]:
            client.close()
        rows = ended(server, with_signal)  # with half of the connections open
        check("loops", len(rows), loops)
        for core, connections, lines in rows:
            check(core, (int(connections), int(lines)), (served[core], 2 * served[core]))
        check("all", sum(served.values()), CLIENTS)
        for client in clients[1::2]:
            check("end", client.recv(1), b"")
            client.close()
    server, _ = started(program, 2)
    check("nobody came", ended(server, signal.SIGTERM), [("core 0", "0", "0"), ("core 1", "0", "0")])
