# The molecule of an NMD file along each of its modes, projected: blocks for gnuplot's index, the
# molecule itself and then one block a mode, a blank line where the chain breaks.
#
# Columns: residue, then horizontal and vertical position in angstrom at coordinate 0; in the blocks
# of the modes also at -amplitude and +amplitude.  Horizontal is the molecule's longest axis; vertical,
# at right angles to it, is where the mode moves most (in the first block: the next longest axis).
# Positions are averages over three neighbours (1:2:1), which lets the eye follow the fold.
function centre_of(x, n, c,  i, a) {
  for (a = 0; a < 3; ++a) {
    c[a] = 0
    for (i = 0; i < n; ++i) c[a] += x[3 * i + a] / n
  }
}

# Unit vector along which the rows of x - c vary most, at right angles to `away` unless that is 0.
function longest(x, n, c, away, axis,  i, a, b, turn, s, t, m, dot, length2) {
  for (a = 0; a < 3; ++a)
    for (b = 0; b < 3; ++b) {
      m[a, b] = 0
      for (i = 0; i < n; ++i) m[a, b] += (x[3 * i + a] - c[a]) * (x[3 * i + b] - c[b])
    }
  for (a = 0; a < 3; ++a) axis[a] = 1 + a / 10
  for (turn = 0; turn < 200; ++turn) {
    for (a = 0; a < 3; ++a) t[a] = m[a, 0] * axis[0] + m[a, 1] * axis[1] + m[a, 2] * axis[2]
    dot = t[0] * away[0] + t[1] * away[1] + t[2] * away[2]
    for (a = 0; a < 3; ++a) t[a] -= dot * away[a]
    length2 = t[0] ^ 2 + t[1] ^ 2 + t[2] ^ 2
    for (a = 0; a < 3; ++a) axis[a] = t[a] / sqrt(length2)
  }
}

function position(x, i, c, axis) {
  return (x[3 * i] - c[0]) * axis[0] + (x[3 * i + 1] - c[1]) * axis[1] + (x[3 * i + 2] - c[2]) * axis[2]
}

function along(x, i, c, axis) {
  if (breaks(i) || i + 1 == n || breaks(i + 1)) return position(x, i, c, axis)
  return (position(x, i - 1, c, axis) + 2 * position(x, i, c, axis) + position(x, i + 1, c, axis)) / 4
}

# Does the chain begin anew with residue i?
function breaks(i) {
  if (i == 0) return 1
  return (x0[3 * i] - x0[3 * i - 3]) ^ 2 + (x0[3 * i + 1] - x0[3 * i - 2]) ^ 2 \
    + (x0[3 * i + 2] - x0[3 * i - 1]) ^ 2 > 4.5 ^ 2
}

$1 == "coordinates" {
  n = (NF - 1) / 3
  for (i = 0; i < 3 * n; ++i) x0[i] = $(i + 2)
  centre_of(x0, n, centre)
  zero[0] = zero[1] = zero[2] = 0
  longest(x0, n, centre, zero, horizontal)
  longest(x0, n, centre, horizontal, vertical)
  for (i = 0; i < n; ++i) {
    if (i && breaks(i)) print ""
    printf "%d\t%.2f\t%.2f\n", i + 1, along(x0, i, centre, horizontal), along(x0, i, centre, vertical)
  }
}

$1 == "mode" {
  for (i = 0; i < 3 * n; ++i) {
    move[i] = amplitude * $3 * $(i + 4)
    low[i] = x0[i] - move[i]
    high[i] = x0[i] + move[i]
  }
  longest(move, n, zero, horizontal, vertical)
  print "\n"
  for (i = 0; i < n; ++i) {
    if (i && breaks(i)) print ""
    printf "%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\n", i + 1,
      along(x0, i, centre, horizontal), along(x0, i, centre, vertical),
      along(low, i, centre, horizontal), along(low, i, centre, vertical),
      along(high, i, centre, horizontal), along(high, i, centre, vertical)
  }
}
