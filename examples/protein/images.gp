# Figure 5: the molecule (C-alpha trace along its two longest axes), and images of it.
set multiplot
unset key
set size ratio -1
set margins screen 0.085, screen 0.41, screen 0.16, screen 0.92
set title "molecule, coloured from first residue to last"
set xlabel "Å"
set ylabel "Å" offset 1
set palette @viridis
unset colorbox
set xrange [-edge / 3:edge / 3]
set yrange [-edge / 3:edge / 3]
plot "traces.tsv" index 0 using 2:3:1 with lines linewidth 3 linecolor palette

unset border
unset tics
unset xlabel
unset ylabel
unset grid
set palette gray
set xrange [*:*]
set yrange [*:*]
set autoscale fix
set title "without noise and CTF" offset 0, -0.5
set margins screen 0.45, screen 0.99, screen 0.54, screen 0.9
plot "clean.tsv" using 1:2:3 with image
set title sprintf("as observed: with CTF, signal-to-noise ratio %g", snr)
set margins screen 0.45, screen 0.99, screen 0.09, screen 0.45
plot "noisy.tsv" using 1:2:3 with image
unset multiplot
