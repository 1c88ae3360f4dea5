"""Logs in to the Exchange stand-in over TLS with NTLM, lets Autodiscover find the mailbox, and searches it, with a client
library that nobody here wrote. Prints what it saw as one JSON object.

Usage: exchangelib_login.py <Autodiscover URL without ending> <CA file> <address> <DOMAIN\\user> <password> <since, ISO 8601>
"""

import json
import sys
from datetime import datetime

import requests.adapters
from exchangelib import DELEGATE, NTLM, Account, Configuration, Credentials, Version
from exchangelib.autodiscover.cache import autodiscover_cache
from exchangelib.autodiscover.discovery.pox import PoxAutodiscovery
from exchangelib.autodiscover.discovery.soap import SoapAutodiscovery
from exchangelib.autodiscover.protocol import AutodiscoverProtocol
from exchangelib.protocol import BaseProtocol
from exchangelib.version import EXCHANGE_2016

autodiscover_url, ca, address, user, password, since = sys.argv[1:]


class OwnAuthority(requests.adapters.HTTPAdapter):
    def cert_verify(self, conn, url, verify, cert):
        super().cert_verify(conn=conn, url=url, verify=ca, cert=cert)


BaseProtocol.HTTP_ADAPTER_CLS = OwnAuthority
credentials = Credentials(user, password)


def discover(kind, ending):
    """Both protocols begin at port 443 of the domain; what was cached comes first."""
    discovery = kind(email=address, credentials=credentials)
    autodiscover_cache.clear()
    autodiscover_cache[discovery._cache_key] = AutodiscoverProtocol(
        config=Configuration(
            service_endpoint=f"{autodiscover_url}.{ending}",
            credentials=credentials,
            auth_type=NTLM,
            retry_policy=discovery.INITIAL_RETRY_POLICY,
            version=Version(build=EXCHANGE_2016),
        )
    )
    found, protocol = discovery.discover()
    return {"url": protocol.service_endpoint, "version": str(found.version.build) if found.version else None}


seen = {"pox": discover(PoxAutodiscovery, "xml"), "soap": discover(SoapAutodiscovery, "svc")}
config = Configuration(
    service_endpoint=seen["pox"]["url"], credentials=credentials, auth_type=NTLM, max_connections=1
)
inbox = Account(address, config=config, autodiscover=False, access_type=DELEGATE).inbox
recent = inbox.filter(is_read=False, datetime_received__gte=datetime.fromisoformat(since).astimezone())
seen["recent"] = [mail.subject for mail in recent.order_by("-datetime_received").only("subject")]
seen["oldest"] = [mail.subject for mail in inbox.all().order_by("datetime_received").only("subject")[:2]]
print(json.dumps(seen))
