"""Drives the Exchange stand-in with a client library that nobody here wrote, and prints what it saw as one JSON object.

Usage: exchangelib_client.py <EWS URL> <control URL> <address> <password>
"""

import http.server
import json
import queue
import sys
import threading
import urllib.request

from exchangelib import DELEGATE, BASIC, Account, Configuration, Credentials
from exchangelib.errors import UnauthorizedError
from exchangelib.services import SendNotification

ews_url, control_url, address, password = sys.argv[1:]
callbacks = queue.Queue()
answers = SendNotification(protocol=None)


class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: self.headers.get(name) for name in ("Content-Type", "SOAPAction", "User-Agent")}
        last = "last=1" in self.path
        answer = answers.unsubscribe_payload() if last else answers.ok_payload()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        callbacks.put((self.path, headers, body))

    def log_message(self, *_):
        pass


def control(name, **body):
    request = urllib.request.Request(f"{control_url}/{name}", data=json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def next_callback():
    path, headers, body = callbacks.get(timeout=20)
    notifications = list(SendNotification(protocol=None).parse(body))
    return {
        "path": path,
        "headers": headers,
        "subscriptionIds": [n.subscription_id for n in notifications],
        "previousWatermarks": [n.previous_watermark for n in notifications],
        "events": [
            {
                "type": type(event).__name__,
                "watermark": event.watermark,
                "itemId": getattr(getattr(event, "item_id", None), "id", None),
                "folderId": getattr(getattr(event, "folder_id", None), "id", None),
                "unreadCount": getattr(event, "unread_count", None),
            }
            for n in notifications
            for event in n.events
        ],
    }


def account(secret):
    config = Configuration(
        service_endpoint=ews_url, credentials=Credentials(address, secret), auth_type=BASIC, max_connections=1
    )
    return Account(address, config=config, autodiscover=False, access_type=DELEGATE)


seen = {}
try:
    account("wrong").inbox.refresh()
    seen["wrongPassword"] = "accepted"
except UnauthorizedError:
    seen["wrongPassword"] = "refused"

mine = account(password)
inbox = mine.inbox
seen["folder"] = {"class": type(inbox).__name__, "unread": inbox.unread_count, "total": inbox.total_count}
seen["version"] = str(mine.version.build)
seen["items"] = [
    {"subject": m.subject, "sender": m.sender.email_address, "name": m.sender.name, "text": m.text_body or m.body, "read": m.is_read}
    for m in inbox.all()
]
seen["unread"] = [m.subject for m in inbox.filter(is_read=False)]
seen["names"] = [m.email_address for m in mine.protocol.resolve_names([address])]

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
listener = f"http://127.0.0.1:{server.server_address[1]}"
subscription_id, watermark = inbox.subscribe_to_push(f"{listener}/callback?id=7&x=a%2Bb")
seen["subscription"] = {"id": subscription_id, "watermark": watermark}
seen["first"] = next_callback()
mail = control("mail", to=address, **{"from": "carol@example.com"}, fromName="Carol <C&C>", subject="Héllo", body="x")
seen["itemId"] = mail["itemId"]
seen["arrived"] = next_callback()
control("read", to=address, itemId=mail["itemId"])
seen["read"] = next_callback()
control("delete", to=address, itemId=mail["itemId"])
seen["deleted"] = next_callback()

inbox.subscribe_to_push(f"{listener}/callback?last=1")
seen["last"] = next_callback()
pull_id, _ = inbox.subscribe_to_pull()
inbox.unsubscribe(pull_id)
seen["pull"] = "accepted"
print(json.dumps(seen))
