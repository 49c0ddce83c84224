#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Start corpus of the fuzz targets, written as what it means instead of as binary files.
Usage: seeds.py TARGET FOLDER
"""
import os
import struct
import sys

PLAIN, ACK = 0x80, 0x81


def u64(v):
    return struct.pack('<Q', v)


def state(index, num):
    return struct.pack('<II', index, num)


def addr(index, flags, desc, used, avail):
    return struct.pack('<IIQQQQ', index, flags, desc, used, avail, 0)


def table(*regions):
    return struct.pack('<II', len(regions), 0) + b''.join(struct.pack('<QQQQ', *r) for r in regions)


RAM = (0, 0x100000, 0x7f0000000000, 0)
HIGH = (0x100000000, 0x200000, 0x7f0000100000, 0x100000)

# request number, fds, payload: the order of virtio-user, of QEMU, and what they send rarely
VIRTIO_USER = [
    (3, 0, b''), (1, 0, b''), (15, 0, b''), (16, 0, u64(0x1001d)), (13, 1, u64(0)), (13, 1, u64(1)),
    (2, 0, u64(0x550008000)), (39, 0, u64(0x0b)), (40, 0, b''), (5, 2, table(RAM, HIGH)),
    (8, 0, state(0, 256)), (10, 0, state(0, 0)), (9, 0, addr(0, 0, 0x7f0000001000, 0x7f0000003000, 0x7f0000002000)),
    (12, 1, u64(0)), (8, 0, state(1, 256)), (10, 0, state(1, 0)),
    (9, 0, addr(1, 0, 0x7f0000005000, 0x7f0000007000, 0x7f0000006000)), (12, 1, u64(1)),
    (18, 0, state(0, 1)), (18, 0, state(1, 1)), (39, 0, u64(0x0f)), (18, 0, state(0, 0)),
    (11, 0, state(0, 0xdeadbeef)), (11, 0, state(1, 7)),
]
QEMU = [
    (1, 0, b''), (15, 0, b''), (16, 0, u64(0x1003f)), (17, 0, b''), (21, 1, b''), (3, 0, b''), (1, 0, b''),
    (13, 1, u64(0)), (14, 1, u64(0)), (13, 1, u64(1)), (14, 1, u64(1)), (20, 0, u64(1500)), (18, 0, state(0, 1)),
    (18, 0, state(1, 1)), (2, 0, u64(0x150000000)), (5, 1, table(RAM)), (8, 0, state(0, 1024)),
    (10, 0, state(0, 0x80008000)), (9, 0, addr(0, 1, 0x7f0000001000, 0x7f0000009000, 0x7f0000008000)),
    (12, 0, u64(0x100)), (13, 0, u64(0x100)), (19, 0, bytes([2, 0, 0, 0, 0, 1, 0, 0])), (2, 0, u64(0x154000000)),
    (4, 0, b''), (5, 0, table()),
]
ODD = [
    (18, 0, state(0, 256)), (24, 0, b'\0' * 72), (25, 0, b'\0' * 200), (6, 1, b'\0' * 16), (7, 1, b''),
    (22, 0, b'\0' * 32), (31, 0, b'\0' * 24), (32, 1, b'\0' * 24), (34, 0, b''), (36, 0, b''),
]
LONGER = {24: 12, 25: 12, 31: 20, 32: 20}  # size in the table where it is a lower bound


def op_message(request, fds, payload, ack):
    """An operation of send_message() in the targets: header from the table, so only the rest is written here."""
    op = ACK if ack else PLAIN
    if request in LONGER:
        return bytes([op | 2, request, len(payload) - LONGER[request]]) + payload
    return bytes([op, request, fds]) + payload


def frame_seeds():
    views = [bytes([7, 255, 8, 0, 1, 0, 0, 1, 0, 0, 0, 0]), bytes([39, 255, 8, 0, 1, 0, 128, 1, 0, 0, 0, 0]),
             bytes([31, 3, 8, 0, 1, 0, 0, 1, 0, 0, 0, 0])]
    for v, view in enumerate(views):
        for n, dialogue in enumerate((VIRTIO_USER, QEMU, ODD)):
            for ack in (False, True):
                body = b''.join(op_message(*m, ack) for m in dialogue)
                yield 'view%d-dialogue%d-%s' % (v, n, 'ack' if ack else 'plain'), view + body
    # a header and its payload in raw pieces, fds with the first
    raw = struct.pack('<III', 5, 9, 40) + table(RAM)
    yield 'raw-pieces', views[0] + bytes([1, 4]) + raw[:5] + bytes([0, len(raw) - 6]) + raw[5:]
    yield 'raw-fds-late', views[0] + bytes([1, 19]) + raw[:20] + bytes([2, len(raw) - 21]) + raw[20:]


def chain(ring, head, flags, offset, length, following=0):
    """op_split_chain"""
    return bytes([5, ring | flags << 2 | head << 5]) + struct.pack('<HH', offset, length) + bytes([following])


def packed(ring, ident, flags, offset, length, slot):
    """op_packed_desc"""
    return bytes([6, ring | flags << 2 | ident << 5]) + struct.pack('<HH', offset, length) + bytes([slot])


def dialogue_seeds():
    barrier, query = bytes([10]), bytes([9, 0, 9, 1])
    poll = bytes([7, 3, 0, 8, 32, 1, 7, 255, 2, 8, 64, 3])
    for choice in range(16):
        greet = bytes([0, choice % 8 | (choice & 8) << 2 | (0x80 if choice & 1 else 0)])
        rings = b''.join(bytes([1, i | 6 << 2 | 0x40]) for i in range(4))
        split = b''.join(chain(i, h, 2 if i % 2 == 0 else 0, 2048 * h, 1500) for i in range(4) for h in range(3))
        rings_packed = b''.join(packed(i, h, 2 if i % 2 == 0 else 0, 2048 * h, 1500, h) for i in range(4) for h in range(3))
        for name, traffic in (('split', split), ('packed', rings_packed)):
            yield '%s-%d' % (name, choice), greet + rings + barrier + traffic + poll + query + poll + bytes([11])
    for n, dialogue in enumerate((VIRTIO_USER, QEMU, ODD)):
        body = b''
        for request, fds, payload in dialogue:
            if request in LONGER:
                body += bytes([2, 3, request, len(payload) - LONGER[request]]) + payload
            else:
                body += bytes([2, 1, request, fds]) + payload
        yield 'dialogue%d' % n, body + barrier + query + poll
    yield 'raw', bytes([3, 11]) + struct.pack('<III', 1, 1, 0) + barrier


def main():
    target, folder = sys.argv[1], sys.argv[2]
    makers = {'fuzz_frame': frame_seeds, 'fuzz_dialogue': dialogue_seeds}
    os.makedirs(folder, exist_ok=True)
    for name, data in makers.get(target, lambda: [('empty', b'')])():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)


main()
