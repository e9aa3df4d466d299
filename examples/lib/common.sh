# What the examples share: their arguments, columns of STAR files, pixels of stacks, figures.
# Sourced by examples/*/run, which have set `here` to their own folder.
# shellcheck shell=sh
# Points, not commas, whatever the user's language.
export LC_ALL=C.UTF-8
lib=$(cd "${here:?}/../lib" && pwd)
root=$(cd "$here/../.." && pwd)

# begin NAME [--quick] [-o FOLDER] [ARGUMENT]: sets quick (empty or "yes"), argument, and out, an
# absolute path; from then on the working folder is out and the tools are on the path.
begin() {
  out=$root/examples-output/$1
  shift
  quick='' argument=''
  while [ $# -gt 0 ]; do
    case $1 in
      --quick) quick=yes ;;
      -o) out=${2:?-o wants a folder}; shift ;;
      -*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$here/run" >&2; exit 2 ;;
      *) argument=$1 ;;
    esac
    shift
  done
  command -v cryosip-flow-step >/dev/null || PATH=$root/build/native/tools:$PATH
  command -v cryosip-flow-step >/dev/null || {
    echo "examples: error: no tools found; build them: scripts/test, or cmake --build --preset native" >&2
    exit 3
  }
  mkdir -p "$out"
  # Both may have been given relative to where the user is.
  out=$(cd "$out" && pwd)
  [ -z "$argument" ] || argument=$(cd "$(dirname "$argument")" && pwd)/$(basename "$argument")
  cd "$out"
}

say() { printf '== %s\n' "$*" >&2; }

# columns FILE LABEL...: those columns of the loop that has them all, separated by tabs.
columns() {
  file=$1
  shift
  awk -v wanted="$*" '
    BEGIN { OFS = "\t"; fields = split(wanted, label, " ") }
    /^[ \t]*(#|$)/ { next }
    /^data_|^loop_/ { delete place; labels = 0; loop = /^loop_/; next }
    /^_/ { if (loop) place[$1] = ++labels; next }
    loop {
      for (f = 1; f <= fields; ++f) if (!(label[f] in place)) next
      for (f = 1; f <= fields; ++f) printf "%s%s", $place[label[f]], f < fields ? OFS : "\n"
      ++rows
    }
    END { exit rows == 0 }' "$file" || { echo "examples: error: $file has no rows of $*" >&2; return 3; }
}

# coordinates FILE K: weight and coordinates 1..K of an ensemble or, after them, sigmas of a mixture.
coordinates() {
  # shellcheck disable=SC2046  # words
  columns "$1" _sipWeight $(seq -f _sipCoordinate%g 1 "$2")
}

# metric EVALUATION NAME COORDINATE [LABEL...]: a row of a table of cryosip-evaluate, by default _sipFinal.
metric() {
  evaluation=$1 name=$2 coordinate=$3
  shift 3
  [ $# -gt 0 ] || set -- _sipFinal
  columns "$evaluation" _sipMetric _sipCoordinate "$@" |
    awk -v OFS='\t' -v name="$name" -v coordinate="$coordinate" '
      $1 == name && $2 == coordinate { sub(/^[^\t]*\t[^\t]*\t/, ""); print }'
}

# median: of the numbers on standard input, one a line.
median() { sort -g | awk '{ x[NR] = $1 } END { print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2 }'; }

# cpu_seconds COMMAND...: the processor time it takes, its own and the system's for it; the mean of ten
# runs, as the clock ticks in hundredths.
cpu_seconds() {
  (for _ in 0 1 2 3 4 5 6 7 8 9; do "$@" >/dev/null; done; times) | awk '
    END { gsub("s", ""); split($1, u, "m"); split($2, s, "m"); printf "%.3f\n", (60 * (u[1] + s[1]) + u[2] + s[2]) / 10 }'
}

# density MIXTURE.star K LOW HIGH: on 201 points, the exact marginal density of coordinate K.
density() {
  columns "$1" _sipWeight "_sipMean$2" "_sipSigma$2" |
    awk -v low="$3" -v high="$4" '
      { total += weight[NR] = $1; mean[NR] = $2; sigma[NR] = $3 }
      END {
        for (p = 0; p <= 200; ++p) {
          x = low + p * (high - low) / 200
          y = 0
          for (g = 1; g <= NR; ++g)
            y += weight[g] / total / sigma[g] / sqrt(8 * atan2(1, 1)) * exp(-((x - mean[g]) / sigma[g]) ^ 2 / 2)
          printf "%g\t%g\n", x, y
        }
      }'
}

# pixels STACK.mrcs COUNT: the first COUNT images (float32, this machine's byte order), a line each
# pixel: image, column and row counted from 0, value.
pixels() {
  # shellcheck disable=SC2046  # numbers
  set -- "$1" "$2" $(od -A n -t d4 -N 8 "$1") $(od -A n -t d4 -j 92 -N 4 "$1")
  od -A n -v -t f4 -w4 -j $((1024 + $5)) -N $(($2 * $3 * $4 * 4)) "$1" |
    awk -v width="$3" -v height="$4" '{
      n = NR - 1
      printf "%d\t%d\t%d\t%s\n", n / (width * height), n % width, n / width % height, $1
    }'
}

# strip STACK.mrcs COUNT: the first COUNT images side by side, for gnuplot's "with image": column, row
# and value of every pixel, NaN in the gaps between images, a tenth of their width.
strip() {
  pixels "$1" "$2" | awk -v OFS='\t' '
    { value[$1, $2, $3] = $4; count = $1 + 1; if ($2 >= width) width = $2 + 1; if ($3 >= height) height = $3 + 1 }
    END {
      pitch = int(1.1 * width)
      for (y = 0; y < height; ++y)
        for (x = 0; x < count * pitch - pitch + width; ++x)
          print x, y, x % pitch < width ? value[int(x / pitch), x % pitch, y] : "NaN"
    }'
}

# figure NAME [VARIABLE=NUMBER_OR_'TEXT'...]: draws NAME.gp of the example as NAME.svg and NAME.png.
figure() {
  name=$1
  shift
  if ! command -v gnuplot >/dev/null; then
    say "no figure $name: gnuplot is not installed (scripts/setup --figures)"
    return 0
  fi
  settings=
  for setting; do settings="$settings$setting; "; done
  for kind in svg png; do
    gnuplot -e "name = '$name'; kind = '$kind'; $settings" "$lib/style.gp" "$here/$name.gp"
  done
  # Browsers would smooth the pixels of images.
  sed 's/<image /&style="image-rendering: pixelated" /' "$name.svg" >"$name.tmp" && mv "$name.tmp" "$name.svg"
  say "$out/$name.svg, .png"
}
