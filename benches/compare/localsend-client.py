#!/usr/bin/env python3
"""Hands a file in over TLS as `localsendd` does: its own connection and reader. Prints the seconds from the request to the answer.

Usage: localsend-client.py FILE URL. A node is asked first, with the file's SHA-256 (SUM in the environment); a path other than / is handed in at as it is.
"""
import json
import os
import sys
import threading
import time
from urllib.parse import urlsplit

from localsendd.net import PinnedHTTPSConnection
from localsendd.session import ProgressReader

path, url = sys.argv[1], urlsplit(sys.argv[2])
size = os.path.getsize(path)


def connect():
    return PinnedHTTPSConnection(url.hostname, url.port, timeout=300)


target = url.path
if target == "/":
    file = {"id": "0", "fileName": os.path.basename(path), "size": size, "fileType": "application/octet-stream"}
    if "SUM" in os.environ:
        file["sha256"] = os.environ["SUM"]
    asking = connect()
    asking.request("POST", "/api/localsend/v2/prepare-upload", json.dumps({"info": {"alias": "client", "version": "2.1"}, "files": {"0": file}}))
    answer = json.loads(asking.getresponse().read())
    target = f"/api/localsend/v2/upload?sessionId={answer['sessionId']}&fileId=0&token={answer['files']['0']}"
connection = connect()
connection.connect()
begun = time.monotonic()
headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
connection.request("POST", target, body=ProgressReader(path, threading.Event(), lambda done: None), headers=headers)
answer = connection.getresponse()
answer.read()
if answer.status not in (200, 204):
    sys.exit(f"{url.netloc} answered {answer.status}")
print(f"{time.monotonic() - begun:.3f}")
