# Figure 4: the densities of width and height (Gaussian kernels, Silverman's bandwidths), and below
# them the conformations themselves; circles of one and two sigma of the truth.
columns = "truth start ".sigmas
set multiplot layout 2, words(columns) margins 0.08, 0.915, 0.115, 0.94 spacing 0.012, 0.02
set size ratio -1
set xrange [0.4:2.4]
set yrange [0.4:2.4]
set xtics 0.5
set ytics 0.5
unset key
set style fill solid 1 noborder
set palette defined (0 "white", 1 "#56b4e9", 2 "#0072b2", 3 "#002040")
set cblabel "probability density"
grid(name) = "densities-".(name eq "truth" || name eq "start" ? word(sigmas, 1) : name).".tsv"
stats grid("truth") using 3 name "peak" nooutput
set cbrange [0:peak_max]
set format x ""
do for [c = 1:words(columns)] {
  name = word(columns, c)
  set title name eq "truth" ? "truth" : name eq "start" ? "start" : "estimate, σ = ".name
  if (c == 1) { set ylabel "height" offset 1 } else { unset ylabel; set format y "" }
  if (c < words(columns)) { unset colorbox } else { set colorbox user origin screen 0.925, screen 0.55 size screen 0.012, screen 0.36 }
  plot grid(name) using 1:2:(column(c < 3 ? 2 + c : 5)) with image, \
       for [s = 1:2] "truth.tsv" using 2:3:(2 * s * $4):(2 * s * $5) \
         with ellipses units xy fillstyle empty border rgb truth
}
unset title
unset colorbox
set format "%g"
set xlabel "width"
do for [c = 1:words(columns)] {
  name = word(columns, c)
  if (c == 1) { set ylabel "height" offset 1 } else { unset ylabel; set format y "" }
  # A third of them, so that the file stays small.
  plot "sample-".name.".tsv" every 3 using 2:3 with points pointtype 7 pointsize 0.3 \
         linecolor rgb c == 1 ? "#555555" : c == 2 ? start : energy, \
       for [s = 1:2] "truth.tsv" using 2:3:(2 * s * $4):(2 * s * $5) \
         with ellipses units xy fillstyle empty border rgb truth
}
unset multiplot
