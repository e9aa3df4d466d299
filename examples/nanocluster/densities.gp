# Figure 4: conformations before and after; circles of one and two sigma of the truth.
panels = words(sigmas) + 1
set multiplot layout 1, panels margins 0.085, 0.985, 0.17, 0.9 spacing 0.03, 0
set size ratio -1
set xrange [0.2:2.6]
set yrange [0.2:2.6]
set xtics 0.5
set ytics 0.5
set xlabel "width"
unset key
do for [panel = 1:panels] {
  file = panel == 1 ? "start" : "ensemble-".word(sigmas, panel - 1)
  set title panel == 1 ? "start" : "estimate, σ = ".word(sigmas, panel - 1)
  if (panel == 1) { set ylabel "height"; set format y } else { unset ylabel; set format y "" }
  plot file.".tsv" using 2:3 with points pointtype 7 pointsize 0.35 \
         linecolor rgb panel == 1 ? "#80999999" : "#800072b2", \
       for [s = 1:2] "truth.tsv" using 2:3:(2 * s * $4):(2 * s * $5) with ellipses units xy linecolor rgb truth fillstyle empty border rgb truth
}
unset multiplot
