# Figure 4: the densities of width and height, Gaussian kernel estimates with Silverman's bandwidths;
# circles of one and two sigma of the truth.
panels = words(sigmas) + 2
set multiplot layout 1, panels margins 0.075, 0.91, 0.17, 0.9 spacing 0.015, 0
set size ratio -1
set xrange [0.3:2.5]
set yrange [0.3:2.5]
set xtics 0.5
set ytics 0.5
set xlabel "width"
unset key
set palette defined (0 "white", 1 "#56b4e9", 2 "#0072b2", 3 "#002040")
set cblabel "probability density"
first_file = "densities-".word(sigmas, 1).".tsv"
stats first_file using 3 name "truth" nooutput
set cbrange [0:truth_max]
do for [panel = 1:panels] {
  file = panel < 3 ? first_file : "densities-".word(sigmas, panel - 2).".tsv"
  set title panel == 1 ? "truth" : panel == 2 ? "start" : "estimate, σ = ".word(sigmas, panel - 2)
  if (panel == 1) { set ylabel "height" } else { unset ylabel; set format y "" }
  if (panel == panels) { set colorbox user origin screen 0.925, screen 0.2 size screen 0.012, screen 0.66 } else { unset colorbox }
  plot file using 1:2:(panel < 3 ? column(2 + panel) : $5) with image, \
       for [s = 1:2] "truth.tsv" using 2:3:(2 * s * $4):(2 * s * $5) \
         with ellipses units xy linecolor rgb truth fillstyle empty border rgb truth
}
unset multiplot
