"""volume_metrics.py: compare-volumes and compare-embeddings against their originals' definitions.

Makes maps, populations and embeddings in the working folder, runs the tools, and recomputes every
number with NumPy and SciPy from the definitions of CryoBench, of the Flatiron Institute's
heterogeneity challenge and of DADApy (docs/evaluation.md names the files).  Needs NumPy and SciPy.
"""
import struct
import subprocess
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.stats import rankdata

TOLERANCE = 1e-5  # relative; inputs are single precision
BOX, ANGPIX = 16, 3.5
failures = 0


def expect(name, found, wanted):
    global failures
    both_infinite = np.isinf(found) and found == wanted
    if not both_infinite and not abs(found - wanted) <= TOLERANCE * max(abs(wanted), 1e-3):
        failures += 1
        print(f"FAIL: {name}: {found!r} found, expected {wanted!r}")


# --- files


def write_mrc(path, volume):
    header = bytearray(1024)
    struct.pack_into("<10i", header, 0, BOX, BOX, BOX, 2, 0, 0, 0, BOX, BOX, BOX)
    struct.pack_into("<6f", header, 40, *[BOX * ANGPIX] * 3, 90, 90, 90)
    struct.pack_into("<3i", header, 64, 1, 2, 3)
    struct.pack_into("<i", header, 88, 1)
    header[208:212] = b"MAP "
    header[212:216] = bytes([0x44, 0x44, 0, 0])
    with open(path, "wb") as out:
        out.write(bytes(header) + volume.astype("<f4").tobytes())


def write_star(path, block, columns):
    with open(path, "w") as out:
        out.write(f"data_{block}\n\nloop_\n")
        for number, label in enumerate(columns, 1):
            out.write(f"_{label} #{number}\n")
        for row in zip(*columns.values()):
            out.write(" ".join(str(cell) for cell in row) + "\n")
        out.write("\n")


def read_star(path):
    labels, rows = [], []
    for line in open(path):
        words = line.split()
        if words and words[0].startswith("_"):
            labels.append(words[0][1:])
        elif labels and words and not words[0].startswith("#"):
            rows.append(dict(zip(labels, words)))
    return rows


def write_set(name, volumes, populations):
    paths = [f"{name}_{i}.mrc" for i in range(len(volumes))]
    for path, volume in zip(paths, volumes):
        write_mrc(path, volume)
    write_star(f"{name}.star", "sip_volumes", {"sipMap": paths, "sipWeight": populations})


def run(*command):
    subprocess.run([str(word) for word in command], check=True)


# --- definitions


def cryobench_curve(a, b):
    x = np.arange(-BOX // 2, BOX // 2)
    z, y, x = np.meshgrid(x, x, x, indexing="ij")
    distance = np.sqrt(x**2 + y**2 + z**2)
    fa, fb = (np.fft.fftshift(np.fft.fftn(np.fft.fftshift(v))) for v in (a, b))
    curve = [1.0]
    for i in range(1, BOX // 2):
        shell = (distance < i) & ~(distance < i - 1)
        variance = np.sqrt(np.vdot(fa[shell], fa[shell]) * np.vdot(fb[shell], fb[shell]))
        curve.append(float((np.vdot(fa[shell], fb[shell]) / variance).real) if variance else 1.0)
    return np.array(curve)


def area(curve):
    frequency = np.arange(BOX // 2) / BOX
    return (np.diff(frequency) * (curve[1:] + curve[:-1]) / 2).sum()


def cryobench_resolution(curve, threshold):
    below = np.where(curve < threshold)[0]
    return (BOX / below[0] if len(below) else 2.0) * ANGPIX


def flatiron_curve(a, b):
    q = np.fft.fftfreq(BOX, 1 / BOX)
    radius = np.sqrt(q[:, None, None] ** 2 + q[None, :, None] ** 2 + q[None, None, :] ** 2)
    fa, fb = np.fft.fftn(a), np.fft.fftn(b)
    curve = []
    for k in range(1, BOX // 2 + 1):
        shell = (radius >= k - 0.5) & (radius < k + 0.5)
        norms = np.linalg.norm(fa[shell]) * np.linalg.norm(fb[shell])
        curve.append((fa[shell] * fb[shell].conj()).sum().real / norms)
    return np.array(curve)


def flatiron_resolution(curve):
    units = 2 * ANGPIX / (np.arange(1, BOX // 2 + 1) / (BOX // 2))
    return units[np.argmin(curve > 0.5)]


def normalised(maps, inside):
    flat = maps[:, inside]
    lower_median = np.sort(flat, axis=1)[:, (flat.shape[1] - 1) // 2]
    return (flat - lower_median[:, None]) / flat.std(axis=1, ddof=1)[:, None]


def bioem(a, b):
    n, co, cc = len(a), a.sum(), b.sum()
    coo, ccc, coc = (a**2).sum(), (b**2).sum(), (a * b).sum()
    t2 = n * (ccc * coo - coc * coc) + 2 * co * coc * cc - ccc * co * co - coo * cc * cc
    t3 = (n - 2) * (n * ccc - cc * cc)
    with np.errstate(divide="ignore"):  # equal maps
        return -(0.5 * np.pi + np.log(2 * np.pi * np.e) * (1 - n / 2)
                 + np.log(t2) * (1.5 - n / 2) + np.log(t3) * (n / 2 - 2))


def transport(cost, p, q=None):
    """Least cost of moving p to q; over q too where it is None."""
    m, n = cost.shape
    rows = np.kron(np.eye(m), np.ones(n))
    columns = np.kron(np.ones(m), np.eye(n))
    constraints, values = rows, p
    if q is not None:
        constraints, values = np.vstack([rows, columns]), np.concatenate([p, q])
    result = linprog(cost.ravel(), A_eq=constraints, b_eq=values, method="highs")
    assert result.status == 0, result.message
    return result.fun


def kl(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = p * np.log(p / q)
    return np.where(p > 0, terms, 0).sum()


def populations(cost, truth, submitted):
    """Means over 30 replicates of the six distances."""
    found = []
    m = len(truth)
    kept = int(0.9 * m)
    states = kept // 5
    for replicate in range(30):
        np.random.seed(replicate)
        rows = np.sort(np.random.choice(np.arange(m), size=kept, replace=False))
        window = np.zeros((states, kept))
        for state, members in enumerate(np.array_split(np.arange(kept), states)):
            window[state, members] = 1
        pooled = window @ np.apply_along_axis(rankdata, 1, cost[rows])
        p = window @ (truth[rows] / truth[rows].sum())
        a = np.zeros_like(pooled)
        a[np.arange(states), pooled.argmin(axis=1)] = 1
        sums = a.sum(0)
        a = np.where(sums > 0, a / np.where(sums > 0, sums, 1), 1 / states)
        q = np.full(len(submitted), 1 / len(submitted))
        for _ in range(100000):
            gradient = ((p[:, None] * a) / (a @ q)[:, None]).sum(0)
            q = gradient * q
            if (np.isclose(gradient, 1, atol=1e-4) | np.isclose(gradient, 0, atol=1e-4)).all():
                break
        found.append([transport(pooled, p, submitted), transport(pooled, p),
                      kl(p, a @ submitted), kl(a @ submitted, p), kl(p, a @ q), kl(a @ q, p)])
    return np.mean(found, axis=0)


def captured(v, u, s):
    us = u @ np.diag(s)
    return np.linalg.norm(v.T @ us) / np.linalg.norm(u.T @ us)


def svd(maps, inside):
    flat = maps[:, inside]
    _, s, vt = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    return vt[s > 1e-6 * s[0]].T, s[s > 1e-6 * s[0]]


# --- maps

random = np.random.default_rng(5)
grid = np.stack(np.meshgrid(*[np.arange(BOX) - BOX // 2] * 3, indexing="ij"), -1)


def blob(centre, sigma):
    return np.exp(-((grid - np.array(centre)) ** 2).sum(-1) / (2 * sigma**2))


def molecule(angle):
    return blob((0, 0, 0), 2.2) + 0.7 * blob((1, 4 * np.cos(angle), 4 * np.sin(angle)), 1.4)


truth = np.array([molecule(2.5 * i / 21) for i in range(22)])
truth += 0.3 + 0.02 * random.normal(size=truth.shape)
# Noisy ones, two of them equal (equal ranks), and a true one (FSC that never falls).
maps = np.array([molecule(2.5 * (i + 0.5) / 9) for i in range(9)])
maps = 1.7 * maps + 0.15 * random.normal(size=maps.shape)
maps[7] = maps[6]
maps[8] = truth[3]
truth_populations = random.uniform(0.5, 2, 22)
map_populations = random.uniform(0.5, 2, 9)
truth, maps = truth.astype("f4").astype(float), maps.astype("f4").astype(float)
mask = ((grid**2).sum(-1) < 6.5**2).astype(float)

write_set("truth", truth, truth_populations)
write_set("maps", maps, map_populations)
write_mrc("mask.mrc", mask)
p, q = truth_populations / truth_populations.sum(), map_populations / map_populations.sum()

for masked in (False, True):
    inside = mask > 0 if masked else np.ones_like(mask, bool)
    where = "masked " if masked else ""
    run("cryosip-compare-volumes", "--quiet", "--truth", "truth.star", "maps.star", "--distances",
        "distances.star", "--curves", "curves.star", "-o", "summary.star",
        *(["--mask", "mask.mrc"] if masked else []))
    summary = {(r["sipMetric"], r["sipCost"]): r for r in read_star("summary.star")}
    distances = read_star("distances.star")
    x, y = normalised(truth, inside), normalised(maps, inside)

    def in_box(flat):
        volume = np.zeros((BOX,) * 3)
        volume[inside] = flat
        return volume

    names = {"l2": "sipL2", "correlation": "sipCorrelation", "bioem": "sipBioem", "fsc": "sipFsc",
             "res": "sipResolution"}
    costs = {name: np.zeros((len(truth), len(maps))) for name in names}
    curves = {}
    for i in range(len(truth)):
        for j in range(len(maps)):
            flatiron = flatiron_curve(in_box(x[i]), in_box(y[j]))
            cryobench = cryobench_curve(truth[i] * mask, maps[j] * mask) if masked \
                else cryobench_curve(truth[i], maps[j])
            curves[i, j] = cryobench, flatiron
            costs["l2"][i, j] = ((x[i] - y[j]) ** 2).sum()
            costs["correlation"][i, j] = (x[i] * y[j]).sum()
            costs["bioem"][i, j] = bioem(x[i], y[j])
            costs["fsc"][i, j] = 1 - flatiron.mean()
            costs["res"][i, j] = flatiron_resolution(flatiron)
    for row in distances:
        i, j = int(row["sipTruth"]) - 1, int(row["sipMap"]) - 1
        same = i == 3 and j == 8  # a difference of 0 is rounding
        for name, label in names.items():
            if not (same and name in ("l2", "bioem", "fsc")):
                expect(f"{where}{name} {i} {j}", float(row[label]), costs[name][i, j])
        if same:
            expect(where + "l2 of equal maps", float(row["sipL2"]) + 1, 1)
            expect(where + "fsc of equal maps", float(row["sipFsc"]) + 1, 1)
            # A curve that never falls to 0.5 gets the worst resolution.
            expect(where + "res of equal maps", float(row["sipResolution"]), BOX * ANGPIX)
        expect(f"{where}auc {i} {j}", float(row["sipCryobenchAuc"]),
               area(np.abs(curves[i, j][0])))
    assert len(distances) == truth.shape[0] * maps.shape[0]

    pairs = [(int(r["sipTruth"]) - 1, int(r["sipMap"]) - 1) for r in distances if r["sipPaired"] == "1"]
    assert len(pairs) == len(maps) and len({j for _, j in pairs}) == len(maps)
    # SciPy's assignment of the largest sum of correlation coefficients.
    pearson = np.corrcoef(x, y)[: len(truth), len(truth):]
    best = linear_sum_assignment(-pearson)
    expect(where + "sum of correlations", sum(pearson[i, j] for i, j in pairs), pearson[best].sum())

    per_pair = {
        "cryobench_auc": lambda i, j: area(np.abs(curves[i, j][0])),
        "cryobench_clipped_auc": lambda i, j: area(np.clip(curves[i, j][0], 0, 1)),
        "cryobench_resolution_0.143": lambda i, j: cryobench_resolution(curves[i, j][0], 0.143),
        "cryobench_resolution_0.5": lambda i, j: cryobench_resolution(curves[i, j][0], 0.5),
        "flatiron_mean_fsc": lambda i, j: curves[i, j][1].mean(),
        "flatiron_resolution_0.5": lambda i, j: flatiron_resolution(curves[i, j][1]),
        "correlation": lambda i, j: pearson[i, j],
    }
    for metric, number in per_pair.items():
        values = [number(i, j) for i, j in pairs]
        row = summary[metric, "None"]
        expect(where + metric, float(row["sipMean"]), np.mean(values))
        expect(where + metric + " deviation", float(row["sipStandardDeviation"]), np.std(values))
        expect(where + metric + " median", float(row["sipMedian"]), np.median(values))
        assert int(row["sipCount"]) == len(pairs)
    for row in read_star("curves.star"):
        i, j, shell = (int(row[k]) for k in ("sipTruth", "sipMap", "sipShell"))
        cryobench, flatiron = curves[i - 1, j - 1]
        expect("frequency", float(row["sipFrequency"]), shell / (BOX * ANGPIX))
        if shell < BOX // 2:
            expect(f"{where}cryobench {i} {j} {shell}", float(row["sipCryobench"]), cryobench[shell])
        if shell > 0:
            expect(f"{where}flatiron {i} {j} {shell}", float(row["sipFlatiron"]), flatiron[shell - 1])

    # bioem of equal maps rests on rounding: there the tool's own number is taken.
    for row in distances:
        i, j = int(row["sipTruth"]) - 1, int(row["sipMap"]) - 1
        costs["bioem"][i, j] = float(row["sipBioem"])
    costs["correlation"] = -costs["correlation"]  # as a dissimilarity
    # Equal maps must tie, as they do for the tool.
    for cost in costs.values():
        cost[:, 7] = cost[:, 6]
    metrics = ["emd", "emd_optimal", "kl", "kl_reverse", "kl_optimal", "kl_reverse_optimal"]
    for name in names:
        for metric, wanted in zip(metrics, populations(costs[name], p, q)):
            expect(f"{where}{metric} {name}", float(summary[metric, name]["sipMean"]), wanted)

    (u1, s1), (u2, s2) = svd(truth, inside), svd(maps, inside)
    of_truth, of_maps = captured(u2, u1, s1), captured(u1, u2, s2)
    expect(where + "captured of truth", float(summary["captured_variance_of_truth", "None"]["sipMean"]), of_truth)
    expect(where + "captured of maps", float(summary["captured_variance_of_maps", "None"]["sipMean"]), of_maps)
    expect(where + "captured", float(summary["captured_variance", "None"]["sipMean"]), (of_truth + of_maps) / 2)

# A map that is some state's nearest but has no population: KL(p || Aq) is infinite.
nearest = np.bincount(np.argmin([[((a - b) ** 2).sum() for b in y] for a in x], axis=1)).argmax()
map_populations[nearest] = 0
write_set("empty", maps, map_populations)
run("cryosip-compare-volumes", "--quiet", "--truth", "truth.star", "empty.star", "-o", "summary.star")
row = next(r for r in read_star("summary.star") if (r["sipMetric"], r["sipCost"]) == ("kl", "l2"))
expect("kl of a map without population", float(row["sipMean"]), np.inf)

# --- embeddings

count = 403  # a number that five does not divide
places = random.normal(size=(count, 2))
embedding = np.column_stack([places[:, 0] ** 3, places[:, 1] + 0.4 * random.normal(size=count),
                             0.5 * random.normal(size=count)])
places[17], embedding[40] = places[16], embedding[39]  # coincide
images = [f"{i + 1:06d}@s.mrcs" for i in range(count)]
write_star("places.star", "sip_conformations",
           {"rlnImageName": images, **{f"sipCoordinate{k + 1}": places[:, k] for k in range(2)}})
order = random.permutation(count)  # joined by name
write_star("embedding.star", "particles",
           {"rlnImageName": [images[i] for i in order],
            **{f"sipMean{k + 1}": embedding[order, k] for k in range(3)}})
run("cryosip-compare-embeddings", "--quiet", "--truth", "places.star", "embedding.star",
    "--neighbours", 40, "-o", "embeddings.star")
rows = read_star("embeddings.star")
places, embedding = places[order], embedding[order]  # the order of the embedding's file


def distance_order(points):
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    return np.argsort(squared, axis=1, kind="stable")


for row in rows:
    k, metric = int(row["sipNeighbours"]), row["sipMetric"]
    if metric.startswith("neighbourhood"):
        hits = []
        for start in range(5):
            near = [np.argsort(distance_order(points[start::5]), axis=1, kind="stable") < k + 1
                    for points in (places, embedding)]
            hits.append((near[0] & near[1]).sum(axis=1).mean())
        scale = 1 if metric == "neighbourhood_hits" else 1 / (k + 1)
        expect(f"{metric} {k}", float(row["sipValue"]), scale * np.mean(hits))
        expect(f"{metric} {k} deviation", float(row["sipStandardDeviation"]), scale * np.std(hits))
    else:
        unique = [set(np.unique(points, axis=0, return_index=True)[1]) for points in (places, embedding)]
        kept = sorted(unique[0] & unique[1])
        a, b = distance_order(places[kept]), distance_order(embedding[kept])
        if metric == "information_imbalance_to_truth":
            a, b = b, a
        ranks = np.argsort(b, axis=1)
        mean = np.mean([ranks[i, a[i, 1:k + 1]] for i in range(len(kept))])
        assert int(row["sipImages"]) == len(kept) == count - 2
        expect(f"{metric} {k}", float(row["sipValue"]), mean / (len(kept) / 2))
assert len(rows) == 2 * 20 + 4

sys.exit(failures > 0)
