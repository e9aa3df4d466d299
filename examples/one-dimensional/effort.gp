# Figure 2: what it takes to come within the threshold of the truth, by the noise of the images.
set datafile missing "None"
set multiplot layout 1, 2
set xlabel "standard deviation σ of the noise"
set xrange [0:1.05]
set yrange [0:0.01<*]
set key top left
colour(objective) = objective eq "energy" ? energy : kl
point(objective) = objective eq "energy" ? 7 : 5
title(objective) = objective eq "energy" ? "energy distance" : "KL divergence"
set ylabel sprintf("iterations until W_1 ≤ %g", threshold)
plot for [objective in objectives] "effort.tsv" using (strcol(1) eq objective ? $2 : NaN):3 \
  with linespoints linewidth 2.5 pointtype point(objective) linecolor rgb colour(objective) title title(objective)
set ylabel sprintf("CPU time in s until W_1 ≤ %g", threshold)
plot for [objective in objectives] "effort.tsv" using (strcol(1) eq objective ? $2 : NaN):4 \
  with linespoints linewidth 2.5 pointtype point(objective) linecolor rgb colour(objective) title title(objective)
unset multiplot
