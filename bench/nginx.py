"""nginx with one worker, as Debian has it but for the log, and for the connections, which are never ended.
What it serves is in {folder}/root; over TLS 1.3 with {folder}/server.pem and server.key."""
import os
import pathlib

import rounds

CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {certificate}
  server {{
    listen 127.0.0.1:{port} {how} backlog=4096;
    root {folder}/root;
  }}
}}
"""


def server(folder, tls=False):
    certificate = (f"ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key; "
                   "ssl_protocols TLSv1.3;")

    def command(port):
        user = "user root;" if os.geteuid() == 0 else ""
        pathlib.Path(folder, "conf").write_text(CONFIGURATION.format(
            user=user, folder=folder, port=port, how="ssl" if tls else "",
            certificate=certificate if tls else ""))
        return ["nginx", "-p", folder, "-c", f"{folder}/conf"]

    return rounds.Server("nginx", command)
