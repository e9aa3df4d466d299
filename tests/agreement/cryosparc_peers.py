#!/usr/bin/env python3
"""Reads .cs files with nothing but Python's own library, and compares.

cryosparc_peers.py poses  CS TABLE   rotations as cryoDRGN takes them of alignments3D/pose (the exponential
                                     map transposed), with those it takes of RELION's angles; shifts with
                                     RELION's origins.  TABLE: rot tilt psi x y
cryosparc_peers.py fields CS TABLE   the columns of TABLE, by the fields its first line names
"""
import ast
import math
import struct
import sys


def read_cs(path):
    data = open(path, "rb").read()
    assert data[:8] == b"\x93NUMPY\x01\x00", "version 1 of the NumPy format"
    (length,) = struct.unpack("<H", data[8:10])
    header = ast.literal_eval(data[10:10 + length].decode("latin1"))
    codes = {"<u8": "Q", "<u4": "I", "<f4": "f"}
    layout = "<"
    counts = []
    for name, kind, *shape in header["descr"]:
        count = math.prod(shape[0]) if shape else 1
        counts.append((name, count))
        layout += kind[2:] + "s" if kind[1] == "S" else str(count) + codes[kind]
    rows = []
    for i in range(header["shape"][0]):
        values = list(struct.unpack_from(layout, data, 10 + length + i * struct.calcsize(layout)))
        row = {}
        for name, count in counts:
            row[name] = values[0] if count == 1 else values[:count]
            del values[:count]
        rows.append(row)
    return rows


def rotation(v):
    """exp([v]x), transposed."""
    angle = math.sqrt(sum(x * x for x in v))
    if angle == 0:
        return [1, 0, 0, 0, 1, 0, 0, 0, 1]
    x, y, z = (c / angle for c in v)
    s, c = math.sin(angle), 1 - math.cos(angle)
    k = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
    k2 = [[sum(k[i][m] * k[m][j] for m in range(3)) for j in range(3)] for i in range(3)]
    r = [[(i == j) + s * k[i][j] + c * k2[i][j] for j in range(3)] for i in range(3)]
    return [r[j][i] for i in range(3) for j in range(3)]


def relion_rotation(rot, tilt, psi):
    """cryoDRGN's utils.R_from_relion, and its change of signs."""
    def about_z(degrees):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        return [[c, -s, 0], [s, c, 0], [0, 0, 1]]

    def times(a, b):
        return [[sum(a[i][m] * b[m][j] for m in range(3)) for j in range(3)] for i in range(3)]

    c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    r = times(times(about_z(psi), [[c, 0, -s], [0, 1, 0], [s, 0, c]]), about_z(rot))
    return [r[i][j] * (-1 if (i + j) % 2 else 1) for i in range(3) for j in range(3)]


def poses(cs, table):
    rows = read_cs(cs)
    lines = [[float(cell) for cell in line.split()] for line in open(table)]
    assert len(lines) == len(rows) > 0, "as many particles"
    turned = moved = 0.0
    for row, (rot, tilt, psi, x, y) in zip(rows, lines):
        ours = rotation(row["alignments3D/pose"])
        peer = relion_rotation(rot, tilt, psi)
        turned = max(turned, max(abs(a - b) for a, b in zip(ours, peer)))
        for ours, peer in zip(row["alignments3D/shift"], (x, y)):
            moved = max(moved, abs(ours * row["alignments3D/psize_A"] - peer))
    print("%d poses, largest difference: rotation %.2g, shift %.2g angstrom" % (len(rows), turned, moved))
    assert turned < 1e-6 and moved < 1e-5


def fields(cs, table):
    rows = read_cs(cs)
    lines = [line.split() for line in open(table)]
    assert len(lines) == len(rows) + 1, "as many particles"
    for j, name in enumerate(lines[0]):
        worst = 0.0
        for row, cells in zip(rows, lines[1:]):
            if isinstance(row[name], bytes):
                assert row[name].rstrip(b"\0").decode() == cells[j], (name, row[name], cells[j])
            else:
                value = float(row[name])
                worst = max(worst, abs(value - float(cells[j])) / max(abs(value), 1e-9))
        print("%s: largest relative difference %.2g" % (name, worst))
        assert worst < 1e-7, name


if __name__ == "__main__":
    {"poses": poses, "fields": fields}[sys.argv[1]](*sys.argv[2:])
