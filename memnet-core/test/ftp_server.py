# SPDX-License-Identifier: BSD-2-Clause
"""ftp_server.py FOLDER: as much of FTP as libcurl speaks, for tests; says its port."""
import os
import socket
import sys
import threading


def serve(control):
    say = lambda line: control.sendall(line.encode() + b"\r\n")
    data = None
    say("220 here")
    for line in control.makefile("r", newline="\r\n"):
        verb, _, arg = line.strip().partition(" ")
        path = os.path.join(sys.argv[1], os.path.basename(arg))
        if verb == "EPSV":
            data = socket.create_server(("127.0.0.1", 0))
            say("229 here (|||%d|)" % data.getsockname()[1])
        elif verb == "PASV":
            data = socket.create_server(("127.0.0.1", 0))
            say("227 here (127,0,0,1,%d,%d)" % divmod(data.getsockname()[1], 256))
        elif verb == "RETR" and not os.path.exists(path):
            say("550 there is none")
        elif verb == "RETR":
            say("150 comes")
            with data.accept()[0] as peer, open(path, "rb") as file:
                peer.sendall(file.read())
            say("226 was it")
        elif verb == "STOR":
            say("150 go on")
            with data.accept()[0] as peer, open(path, "wb") as file:
                while piece := peer.recv(65536):
                    file.write(piece)
            say("226 have it")
        elif verb == "SIZE" and os.path.exists(path):
            say("213 %d" % os.path.getsize(path))
        elif verb in ("SIZE", "MDTM"):
            say("550 there is none")
        else:
            say({"USER": "331 and?", "PASS": "230 welcome", "PWD": '257 "/"',
                 "QUIT": "221 bye", "TYPE": "200 yes", "CWD": "250 yes"}.get(verb, "502 no"))


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
