# How every figure looks.  Set before: name, kind (svg or png); may be set: height in pixels (560).
if (!exists("height")) height = 560
if (kind eq "svg") {
  set terminal svg size 900, height dynamic font "DejaVu Sans,Helvetica,Arial,sans-serif,15" background "white" standalone
} else {
  set terminal pngcairo size 900, height font "DejaVu Sans,12" background "white"
}
set output name.".".kind
set encoding utf8

# Okabe and Ito's colours, which colour-blind readers can tell apart; each meaning has one.
truth = "#000000"
start = "#999999"
data = "#56b4e9"
energy = "#0072b2"
kl = "#d55e00"
likelihood = "#009e73"
map = "#cc79a7"
set style fill solid 0.15 noborder
set style line 1 linewidth 2.5

# Grey frame on two sides, faint grid, so that what is measured stands out.
set border 3 linecolor "#444444"
set tics nomirror out scale 0.6 textcolor "#222222"
set grid linecolor "#e4e4e4" linetype 1 linewidth 1
set key noenhanced top right samplen 2.5 spacing 1.15

# A scale that rises in lightness too: set palette @viridis.
viridis = "defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', 4 '#fde725')"

# One legend for all panels of a multiplot, along the bottom: @legend, then plot NaN ... title ...
legend = 'unset border; unset tics; unset grid; unset title; unset xlabel; unset ylabel; unset y2label; unset label; \
set size noratio; set margins screen 0.02, screen 0.98, screen 0.005, screen 0.105; \
set xrange [0:1]; set yrange [0:1]; set key center center horizontal'
