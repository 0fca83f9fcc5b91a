# SPDX-License-Identifier: BSD-2-Clause
"""
A name server for test_names.sh: name_server.py ADDRESS ZONE, at port 53 over UDP and TCP.

A line of ZONE is "NAME TYPE VALUE": A, AAAA, CNAME; ANY and no value: the name is there. TYPE
may also be how it fails: SERVFAIL, REFUSED, SILENT, SILENT-AAAA. What is asked for is a line of the output.
"""
import select
import socket
import struct
import sys

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28}
NAMES = {number: name for name, number in TYPES.items()}
NO_SUCH_NAME, TRUNCATED, MOST_OVER_UDP = 3, 0x0200, 512
FAILURES = {"SERVFAIL": 2, "REFUSED": 5}


def encode_name(name):
    parts = [part.encode() for part in name.split(".")]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def encode_value(kind, value):
    if kind == "CNAME":
        return encode_name(value)
    return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)


def records(zone, name, kind):
    """Those of the name, behind those that lead to where it is."""
    found = []
    for owner, has, value in zone:
        if owner == name and has == "CNAME":
            return [(owner, has, value)] + records(zone, value, kind)
        if owner == name and has == kind:
            found.append((owner, has, value))
    return found


def answer(zone, query, most):
    """The answer's bytes, or None."""
    number, at, parts = struct.unpack(">H", query[:2])[0], 12, []
    while query[at]:
        parts.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    question = query[12:at + 5]
    name = ".".join(parts).lower()
    kind = NAMES.get(struct.unpack(">H", query[at + 1:at + 3])[0], "other")
    print(name, kind, flush=True)

    has = [entry[1] for entry in zone if entry[0] == name]
    if "SILENT" in has or "SILENT-" + kind in has:
        return None
    flags = 0x8580 | (0 if has else NO_SUCH_NAME)
    for failure, code in FAILURES.items():
        flags |= code if failure in has else 0
    found = records(zone, name, kind)
    body = b""
    for owner, its, value in found:
        data = encode_value(its, value)
        body += encode_name(owner) + struct.pack(">HHIH", TYPES[its], 1, 60, len(data)) + data
    if len(body) > most:
        found, body, flags = [], b"", flags | TRUNCATED
    return struct.pack(">HHHHHH", number, flags, 1, len(found), 0, 0) + question + body


def serve_stream(zone, listener):
    stream, _ = listener.accept()
    with stream:
        head = stream.recv(2, socket.MSG_WAITALL)
        if not head:    # it was only looked whether we are there
            return
        reply = answer(zone, stream.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL), 65535)
        stream.sendall(struct.pack(">H", len(reply)) + reply)


def main():
    address, path = sys.argv[1:]
    with open(path, encoding="ascii") as lines:
        zone = [(line.split() + [""])[:3] for line in lines]
    zone = [tuple(entry) for entry in zone]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, 53), family=family)
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    datagrams.bind((address, 53))
    while True:
        for ready in select.select([datagrams, listener], [], [])[0]:
            if ready is listener:
                serve_stream(zone, listener)
                continue
            query, who = datagrams.recvfrom(4096)
            reply = answer(zone, query, MOST_OVER_UDP)
            if reply:
                datagrams.sendto(reply, who)


main()
