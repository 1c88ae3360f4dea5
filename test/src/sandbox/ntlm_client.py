"""Logs in to the Exchange stand-in with NTLM code that nobody here wrote, and prints the statuses as JSON.

Usage: ntlm_client.py <URL> <CA file> <user> <password> [<user> <password> ...]
Each log-in is a session of its own: three requests over one connection.
"""

import json
import sys

import requests
from requests_ntlm import HttpNtlmAuth

url, ca, *logins = sys.argv[1:]
statuses = []
for user, password in zip(logins[::2], logins[1::2]):
    with requests.Session() as session:
        session.auth = HttpNtlmAuth(user, password)
        # The environment's list of authorities would come before the session's.
        session.trust_env = False
        statuses.append([session.post(url, data="<x/>", verify=ca).status_code for _ in range(3)])
print(json.dumps(statuses))
