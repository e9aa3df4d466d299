# evaluation_metrics.py TESTDATA WORK: see evaluation_metrics.sh, which puts the tools on the PATH.
import subprocess
import sys

import numpy as np
from scipy.fft import dct
from scipy.integrate import quad
from scipy.optimize import brentq, linprog
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from scipy.sparse import coo_matrix
from scipy.stats import energy_distance, t, wasserstein_distance

try:
    import ot
except ImportError:  # not in Debian
    ot = None

testdata, work = sys.argv[1:3]
tolerance = 1e-4
failed = 0


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True, cwd=work).stdout


def blocks(text):
    """Name of each loop -> list of rows, each a dict by label."""
    found, name, labels = {}, None, []
    for line in text.splitlines():
        words = line.split()
        if line.startswith("data_"):
            name, labels = line[5:], []
        elif line.startswith("_"):
            if len(words) == 2 and words[1].startswith("#"):
                labels.append(words[0])
        elif words and name and labels and not line.startswith(("#", "loop_")):
            found.setdefault(name, []).append(dict(zip(labels, words)))
    return found


def compare(name, got, expected, absolute=1e-12):
    global failed
    if not abs(got - expected) <= tolerance * abs(expected) + absolute:
        print(f"FAIL: {name}: {got} found, {expected} expected", file=sys.stderr)
        failed = 1


def write(path, points, weights, refits=(), perturbed=None, model="identity"):
    k = points.shape[1]
    coordinates = [f"_sipCoordinate{i + 1}" for i in range(k)]

    def loop(out, name, labels, rows):
        out.write(f"data_{name}\n\nloop_\n" + "\n".join(labels) + "\n")
        for row in rows:
            out.write(" ".join(repr(float(x)) if not isinstance(x, int) else str(x) for x in row) + "\n")
        out.write("\n")

    with open(f"{work}/{path}", "w") as out:
        out.write(f"data_sip_ensemble\n\n_sipModel {model}\n_sipSeed 1\n\n")
        loop(out, "sip_conformations", ["_sipWeight", *coordinates], np.c_[weights, points])
        if refits:
            rows = [(b + 1, w, *x) for b, (xs, ws) in enumerate(refits) for x, w in zip(xs, ws)]
            loop(out, "sip_refits", ["_sipRefit", "_sipWeight", *coordinates], rows)
        if perturbed:
            loop(out, "sip_perturbed", ["_sipWeight", *coordinates], np.c_[perturbed[1], perturbed[0]])


# ---- the definitions

def mean_distance(x, u, y, v):
    return u @ cdist(x, y) @ v


def energy(x, u, y, v):
    if x.shape[1] == 1:
        return energy_distance(x[:, 0], y[:, 0], u, v) ** 2
    return 2 * mean_distance(x, u, y, v) - mean_distance(x, u, x, u) - mean_distance(y, v, y, v)


def without_diagonal(values, w):
    pairs = np.outer(w, w)
    np.fill_diagonal(pairs, 0)
    return (pairs * values).sum() / pairs.sum()


def energy_unbiased(x, u, y, v):
    return (2 * mean_distance(x, u, y, v) - without_diagonal(cdist(x, x), u)
            - without_diagonal(cdist(y, y), v))


def gauss(x, y, h):
    return np.exp(-cdist(x, y, "sqeuclidean") / (2 * h * h))


def mmd2(x, u, y, v, h):
    return u @ gauss(x, x, h) @ u + v @ gauss(y, y, h) @ v - 2 * u @ gauss(x, y, h) @ v


def mmd2_unbiased(x, u, y, v, h):
    return (without_diagonal(gauss(x, x, h), u) + without_diagonal(gauss(y, y, h), v)
            - 2 * u @ gauss(x, y, h) @ v)


def transport(u, v, cost):
    if ot:
        return ot.emd2(u, v, cost, numItermax=10**7)
    n, m = cost.shape
    entries = np.arange(n * m)
    rows = np.r_[entries // m, n + entries % m]
    marginals = coo_matrix((np.ones(2 * n * m), (rows, np.r_[entries, entries])))
    return linprog(cost.ravel(), A_eq=marginals, b_eq=np.r_[u, v], method="highs").fun


def wasserstein(x, u, y, v, p):
    return transport(u, v, cdist(x, y) ** p) ** (1 / p)


def silverman(x, w):
    n, k = 1 / (w @ w), x.shape[1]
    variance = w @ (x - w @ x) ** 2 / (1 - w @ w)
    return np.sqrt(variance) * (4 / ((k + 2) * n)) ** (1 / (k + 4))


def log_kde(x, w, h, at):
    z = (at[:, None] - x[None]) / h
    exponent = np.log(w) - 0.5 * (z**2).sum(2) - np.log(h).sum() - 0.5 * x.shape[1] * np.log(2 * np.pi)
    most = exponent.max(1)
    return most + np.log(np.exp(exponent - most[:, None]).sum(1))


def kl_line(x, u, y, v):
    h, g = silverman(x, u), silverman(y, v)

    def integrand(s):
        lp = log_kde(x, u, h, np.array([[s]]))[0]
        return np.exp(lp) * (lp - log_kde(y, v, g, np.array([[s]]))[0])

    low, high = x.min() - 8 * h[0], x.max() + 8 * h[0]
    return quad(integrand, low, high, limit=500, epsrel=1e-9, points=np.linspace(low, high, 60))[0]


def kl_points(x, u, y, v):
    h, g = silverman(x, u), silverman(y, v)
    total = 0
    for i in range(len(x)):
        others = np.arange(len(x)) != i
        p = log_kde(x[others], u[others] / (1 - u[i]), h, x[i:i + 1])[0]
        total += u[i] * (p - log_kde(y, v, g, x[i:i + 1])[0])
    return total


def total_variation(x, u, y, v):
    h, g = silverman(x, u), silverman(y, v)
    grid = np.linspace(min(x.min(), y.min()) - 8 * max(h[0], g[0]), max(x.max(), y.max()) + 8 * max(h[0], g[0]), 40001)
    p, q = (np.exp(log_kde(a, w, b, grid[:, None])) for a, w, b in ((x, u, h), (y, v, g)))
    return 0.5 * np.abs(p - q).sum() * (grid[1] - grid[0])


def plug_in_bandwidth(x, w):
    """Botev, Grotowski and Kroese, as their program has it."""
    n, bins = 1 / (w @ w), 1024
    length, low = 1.2 * np.ptp(x), x.min() - 0.1 * np.ptp(x)
    histogram = np.histogram(x, bins, (low, low + length), weights=w)[0]
    powers = (dct(histogram)[1:] / 2) ** 2
    squares = np.arange(1.0, bins) ** 2

    def excess(time):
        f = 2 * np.pi**14 * (squares**7 * powers * np.exp(-squares * np.pi**2 * time)).sum()
        for s in range(6, 1, -1):
            k0 = np.prod(np.arange(1, 2 * s, 2)) / np.sqrt(2 * np.pi)
            at = (2 * (1 + 0.5 ** (s + 0.5)) / 3 * k0 / n / f) ** (2 / (3 + 2 * s))
            f = 2 * np.pi ** (2 * s) * (squares**s * powers * np.exp(-squares * np.pi**2 * at)).sum()
        return time - (2 * n * np.sqrt(np.pi) * f) ** (-2 / 5)

    return np.sqrt(brentq(excess, 1e-8, 0.1, xtol=1e-14)) * length


def superposed_rmsd(a, b):
    a, b = a - a.mean(0), b - b.mean(0)
    turned = Rotation.align_vectors(a, b)[0].apply(b)
    return np.sqrt(((a - turned) ** 2).sum() / len(a))


# ---- ensembles: clustered, of unequal weights, some 0, with ties

rng = np.random.default_rng(7)


def ensemble(n, k, shift=0.0, spread=1.0):
    points = rng.normal(size=(n, k)) * 0.4 * spread + shift + rng.choice([-1, 1], size=(n, 1))
    points[1] = points[0]
    weights = rng.uniform(0.2, 1, n)
    weights[2] = 0
    return points, weights / weights.sum()


for k in (1, 2, 4):
    truth, start, end = ensemble(90, k), ensemble(70, k, 0.5, 2), ensemble(80, k, 0.1)
    refits = [ensemble(80, k, 0.1) for _ in range(6)]
    write("truth.star", *truth)
    write("start.star", *start)
    write("end.star", *end, refits)
    table = blocks(run("cryosip-evaluate", "--truth", "truth.star", "--initial", "start.star", "end.star"))
    rows = {(r["_sipMetric"], int(r["_sipCoordinate"])): r for r in table["sip_evaluation"]}
    # The median distance of the truth's points, each pair once.
    distances = cdist(truth[0], truth[0])[np.triu_indices(90, 1)]
    h = float(rows["mmd2_bandwidth", 0]["_sipFinal"])
    compare(f"{k}-D mmd2_bandwidth", h, np.median(distances), 5e-3)
    def of(which, metric, coordinate):
        (x, u), (y, v) = which, truth
        if coordinate:
            x, y = x[:, coordinate - 1:coordinate], y[:, coordinate - 1:coordinate]
        # Points of weight 0 have no logarithm.
        kx, ku, ky, kv = x[u > 0], u[u > 0], y[v > 0], v[v > 0]
        line = x.shape[1] == 1
        return {
            "w1": lambda: wasserstein_distance(x[:, 0], y[:, 0], u, v) if line else wasserstein(x, u, y, v, 1),
            "w2": lambda: wasserstein(x, u, y, v, 2),
            "energy_distance": lambda: energy(x, u, y, v),
            "energy_distance_unbiased": lambda: energy_unbiased(x, u, y, v),
            "mmd2": lambda: mmd2(x, u, y, v, h),
            "mmd2_unbiased": lambda: mmd2_unbiased(x, u, y, v, h),
            "total_variation": lambda: total_variation(kx, ku, ky, kv),
            "kl": lambda: kl_line(kx, ku, ky, kv) if line else kl_points(kx, ku, ky, kv),
            "reverse_kl": lambda: kl_line(ky, kv, kx, ku) if line else kl_points(ky, kv, kx, ku),
            "effective_sample_size": lambda: u.sum() ** 2 / (u @ u),
        }[metric]()

    wanted = [(m, c + 1) for c in range(k)
              for m in ("w1", "w2", "energy_distance", "total_variation", "kl", "reverse_kl")]
    wanted += [(m, 0) for m in ("w1", "w2", "energy_distance", "energy_distance_unbiased", "mmd2",
                                "mmd2_unbiased", "effective_sample_size")]
    wanted += [("kl", 0), ("reverse_kl", 0)] if k == 2 else []
    if {key for key in rows} != {*wanted, ("mmd2_bandwidth", 0)}:
        compare(f"{k}-D rows", len(rows), len(wanted) + 1)
    for metric, coordinate in wanted:
        row = rows[metric, coordinate]
        final = of(end, metric, coordinate)
        compare(f"{k}-D {metric} {coordinate}", float(row["_sipFinal"]), final)
        compare(f"{k}-D {metric} {coordinate} initial", float(row["_sipInitial"]), of(start, metric, coordinate))
        if metric in ("w1", "energy_distance_unbiased", "mmd2"):
            half = t.ppf(0.95, 5) * np.std([of(r, metric, coordinate) for r in refits], ddof=1)
            lower = final - half if metric.endswith("unbiased") else max(final - half, 0)
            compare(f"{k}-D {metric} {coordinate} lower", float(row["_sipFinalLower"]), lower)
            compare(f"{k}-D {metric} {coordinate} upper", float(row["_sipFinalUpper"]), final + half)

# ---- densities with bands: bandwidth, correction, Student's interval, perturbation

n = 200
base = ensemble(n, 1)
refits = [ensemble(n, 1) for _ in range(8)]
other = ensemble(n, 1)
write("end.star", *base, refits, other)
table = blocks(run("cryosip-evaluate", "--bands", "bands.star", "end.star"))
bands = blocks(open(f"{work}/bands.star").read())["sip_density_bands"]
grid = np.array([float(r["_sipValue"]) for r in bands])


def kernel(at, of, h):
    return np.exp(-0.5 * ((at[:, None] - of) / h) ** 2) / (h * np.sqrt(2 * np.pi))


def kde(which, h, at=grid):
    return kernel(at, which[0][:, 0], h) @ which[1]


def corrected(which, h, at=grid):
    return 2 * kde(which, h, at) - kde(which, h * np.sqrt(2), at)


def blurs(which, h):
    """Of the corrected density, blurred once more, and blurred and corrected once more, less itself."""
    fine = np.arange(grid[0] - 8 * rule, grid[-1] + 8 * rule, spacing / 4)
    again, twice = [kernel(grid, fine, g) @ corrected(which, h, fine) * spacing / 4 for g in (h, h * np.sqrt(2))]
    return np.array([again, 2 * again - twice]) - corrected(which, h)


rule = silverman(*base)[0]
spacing = grid[1] - grid[0]
least = np.inf
for step in range(-10, 2):
    width = max(2 ** (step / 4) * rule, spacing)
    scatter = np.array([kde(r, width) for r in refits]).var(0, ddof=1).sum()
    of_refits = np.array([blurs(r, width) for r in refits])
    squares = blurs(base, width) ** 2 - of_refits.var(0, ddof=1)
    error = scatter + max(squares[0].sum(), 0)
    if error > least:  # the first minimum
        break
    least, h, squared_bias = error, width, np.maximum(squares[1], 0)

density = corrected(base, h)
variance = np.array([corrected(r, h) for r in refits]).var(0, ddof=1)
half = t.ppf(0.95, 7) * np.sqrt(variance + squared_bias)
for i, row in enumerate(bands):
    compare(f"density {i}", float(row["_sipDensity"]), max(density[i], 0), 1e-9)
    compare(f"density {i} lower", float(row["_sipLower"]), max(density[i] - half[i], 0), 1e-9)
    compare(f"density {i} upper", float(row["_sipUpper"]), max(density[i] + half[i], 0), 1e-9)
rows = {r["_sipMetric"]: r for r in table["sip_evaluation"]}
compare("perturbation_l1", float(rows["perturbation_l1"]["_sipFinal"]),
        np.abs(density - corrected(other, h)).sum() * spacing)

# Without refits the bandwidth is that of Botev and others.
write("end.star", *base)
run("cryosip-evaluate", "--bands", "bands.star", "--free-energy", "energy.star", "--kt", "0.593", "end.star")
bands = blocks(open(f"{work}/bands.star").read())["sip_density_bands"]
grid = np.array([float(r["_sipValue"]) for r in bands])
density = corrected(base, max(plug_in_bandwidth(base[0][:, 0], base[1]), grid[1] - grid[0]), grid)
for i, row in enumerate(bands):
    compare(f"plug-in density {i}", float(row["_sipDensity"]), max(density[i], 0), 1e-7)
energies = blocks(open(f"{work}/energy.star").read())["sip_free_energy"]
for i, row in enumerate(energies):
    if row["_sipFreeEnergy"] == "None":
        compare(f"free energy {i} is left out", float(density[i] <= 1.001e-3 * density.max()), 1)
    else:
        compare(f"free energy {i}", float(row["_sipFreeEnergy"]), -0.593 * np.log(density[i] / density.max()), 1e-4)

# ---- atoms after superposition

run("cryosip-normal-modes", "--quiet", f"{testdata}/hinge_dimer.pdb", "--modes", "2", "-o", "modes.nmd")
fields = {}
for line in open(f"{work}/modes.nmd"):
    words = line.split()
    fields.setdefault(words[0], []).append(words[1:])
rest = np.array(fields["coordinates"][0], float).reshape(-1, 3)
modes = []
for words in fields["mode"]:
    scale = float(words[-1 - 3 * len(rest)])
    modes.append(scale * np.array(words[-3 * len(rest):], float).reshape(-1, 3))
truth, end = ensemble(20, 2), ensemble(25, 2, 0.3)
write("truth.star", *truth, model="modes.nmd")
write("end.star", *end, model="modes.nmd")
table = blocks(run("cryosip-evaluate", "--truth", "truth.star", "--rmsd", "end.star"))
rows = {(r["_sipMetric"], int(r["_sipCoordinate"])): r for r in table["sip_evaluation"]}


def atoms(theta):
    return rest + sum(x * mode for x, mode in zip(theta, modes))


rmsds = np.array([[superposed_rmsd(atoms(x), atoms(y)) for y in truth[0]] for x in end[0]])
for p in (1, 2):
    expected = transport(end[1], truth[1], rmsds**p) ** (1 / p)
    compare(f"rmsd_w{p}", float(rows[f"rmsd_w{p}", 0]["_sipFinal"]), expected)

sys.exit(failed)
