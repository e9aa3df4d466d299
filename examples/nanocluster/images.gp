# Figure 3: the same rectangles without noise and with it, one row each, on one scale of grey.
rows = words(sigmas) + 1
set multiplot layout rows, 1 margins 0.1, 0.99, 0.02, 0.98 spacing 0, 0.03
set palette gray
set cbrange [-0.7:1.3]
unset border
unset tics
unset key
unset grid
unset colorbox
set size ratio -1
set autoscale fix
do for [row = 1:rows] {
  sigma = row == 1 ? "" : word(sigmas, row - 1)
  set label 1 (row == 1 ? "no noise" : "σ = ".sigma) at graph -0.01, 0.5 right
  plot (row == 1 ? "clean" : "noise-".sigma).".tsv" using 1:2:3 with image
}
unset multiplot
