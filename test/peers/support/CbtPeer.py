"""HTTPS server that takes NTLM log-ins bound to its TLS channel (Extended Protection), with gss-ntlmssp as acceptor.

Arguments: port, certificate, key, and "required" or "allowed": whether a log-in that claims no binding is refused.
Answers 200 with "<user> bound=<True or False>".
"""
import base64
import hashlib
import http.server
import ssl
import sys

import gssapi
from gssapi.raw import ChannelBindings

port, certificate, key, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
CHANNEL_BOUND = 2048
der = ssl.PEM_cert_to_DER_cert(open(certificate).read())
bindings = ChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(der).digest())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.context = None
        self.user = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        token = None
        scheme, _, value = (self.headers.get("authorization") or "").partition(" ")
        if scheme == "NTLM":
            try:
                token = self.accept(base64.b64decode(value))
            except Exception:
                self.context = self.user = None
        body = (self.user or "").encode()
        self.send_response(200 if self.user else 401)
        if not self.user:
            self.send_header("WWW-Authenticate", "NTLM" + (" " + base64.b64encode(token).decode() if token else ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def accept(self, message):
        if self.context is None or self.context.complete:
            self.context = gssapi.SecurityContext(usage="accept", channel_bindings=bindings)
            self.user = None
        token = self.context.step(message)
        if self.context.complete:
            bound = bool(int(self.context.actual_flags) & CHANNEL_BOUND)
            if bound or mode == "allowed":
                name = str(self.context.initiator_name).rstrip("\0")
                self.user = f"{name} bound={bound}"
        return token


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
