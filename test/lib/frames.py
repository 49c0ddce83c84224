# SPDX-License-Identifier: BSD-3-Clause
"""Ethernet frames with random contents, pcap files of them, and the comparison of two such files."""
import random
import struct

from process import Failure

FILE_HEADER = struct.Struct('<IHHiIII')
RECORD_HEADER = struct.Struct('<IIII')
MAGIC = 0xa1b2c3d4
SNAPLEN = 65535
LINK_ETHERNET = 1


def random_frames(sizes, count, seed):
    """count frames, sizes in turn, no two alike: addresses, a type that nobody parses, random bytes.

    seed: any string; the same string gives the same frames.
    """
    source = random.Random(seed)
    frames = []
    for number in range(count):
        size = sizes[number % len(sizes)]
        head = bytes([0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5])
        head += struct.pack('>I', number)
        frames.append(head + source.randbytes(size - len(head)))
    return frames


def write_pcap(path, frames):
    with open(path, 'wb') as out:
        out.write(FILE_HEADER.pack(MAGIC, 2, 4, 0, 0, SNAPLEN, LINK_ETHERNET))
        for frame in frames:
            out.write(RECORD_HEADER.pack(0, 0, len(frame), len(frame)))
            out.write(frame)


def read_pcap(path):
    """All frames of a little-endian pcap file (micro- or nanosecond stamps)."""
    with open(path, 'rb') as source:
        data = source.read()
    if len(data) < FILE_HEADER.size:
        raise Failure('%s: no capture' % path)
    if struct.unpack_from('<I', data)[0] not in (MAGIC, 0xa1b23c4d):
        raise Failure('%s: not a pcap file' % path)
    frames = []
    at = FILE_HEADER.size
    while at < len(data):
        if at + RECORD_HEADER.size > len(data):
            raise Failure('%s: cut off' % path)
        _, _, have, full = RECORD_HEADER.unpack_from(data, at)
        at += RECORD_HEADER.size
        if have != full or at + have > len(data):
            raise Failure('%s: frame %d cut off' % (path, len(frames)))
        frames.append(data[at:at + have])
        at += have
    return frames


def compare(what, sent, got):
    """Fail unless the same frames came out as went in: same bytes, same order, none lost or added."""
    if not sent or not got:
        raise Failure('%s: %d frames sent, %d received' % (what, len(sent), len(got)))
    for number, (wanted, found) in enumerate(zip(sent, got)):
        if wanted != found:
            raise Failure('%s: frame %d of %d differs (%s)' % (
                what, number, len(sent), _difference(wanted, found)))
    if len(sent) != len(got):
        raise Failure('%s: %d frames sent, %d received' % (what, len(sent), len(got)))


def _difference(wanted, found):
    if len(wanted) != len(found):
        return '%d bytes became %d; sequence number %s' % (
            len(wanted), len(found), found[14:18].hex())
    at = next(i for i, (a, b) in enumerate(zip(wanted, found)) if a != b)
    return '%d bytes, first difference at byte %d: %02x became %02x; sequence number %s' % (
        len(wanted), at, wanted[at], found[at], found[14:18].hex())
