# Figure 6: the density of each coordinate; Gaussian kernel estimates where all there is is a sample.
bandwidth = 0.15
set multiplot layout 2, 2 margins 0.075, 0.905, 0.21, 0.95 spacing 0.06, 0.12
set xrange [-3:3]
set yrange [0:1.2]
set samples 300
unset key
set y2range [0:0.3]
estimates = "energy likelihood"
colour(estimate) = estimate eq "energy" ? energy : likelihood
title(estimate) = estimate eq "energy" ? "energy, poses unknown" : "likelihood, poses given"
do for [k = 1:4] {
  set title sprintf("mode %d", k) offset 0, -0.5
  if (k > 2) { set xlabel "coordinate" } else { unset xlabel }
  if (k % 2) { set ylabel "probability density" } else { unset ylabel; set y2label "weight of a MAP structure"; set y2tics }
  if (k % 2) { unset y2label; unset y2tics }
  truths = sprintf("truth-%d.tsv", k)
  plot truths with filledcurves y=0 linecolor rgb truth, \
       truths with lines linewidth 2 linecolor rgb truth, \
       "start.tsv" using (column(k + 1)):1 smooth kdensity bandwidth bandwidth \
         with lines linewidth 2 dashtype 2 linecolor rgb start, \
       for [estimate in estimates] estimate.".tsv" using (column(k + 1)):1 smooth kdensity bandwidth bandwidth \
         with lines linewidth 2.5 linecolor rgb colour(estimate), \
       "map.tsv" using (column(k + 1)):1 axes x1y2 with impulses linewidth 2.5 linecolor rgb map
}
@legend
plot NaN with lines linewidth 2 linecolor rgb truth title "truth", \
     NaN with lines linewidth 2 dashtype 2 linecolor rgb start title "start", \
     for [estimate in estimates] NaN with lines linewidth 2.5 linecolor rgb colour(estimate) title title(estimate), \
     NaN with impulses linewidth 2.5 linecolor rgb map title "MAP, poses given"
unset multiplot
