# Figure 1: densities of the conformations; Gaussian kernel estimates where all there is is a sample.
bandwidth = 0.12
set xlabel "conformation θ"
set ylabel "probability density"
set xrange [-3.5:3.5]
set yrange [0:0.62]
set samples 400
colour(objective) = objective eq "energy" ? energy : kl
title(objective) = "estimate, ".(objective eq "energy" ? "energy distance" : "KL divergence")
plot "truth.tsv" with filledcurves y=0 linecolor rgb truth notitle, \
     "truth.tsv" with lines linewidth 2 linecolor rgb truth title "truth", \
     "data.tsv" using 2:1 smooth kdensity bandwidth bandwidth \
       with lines linewidth 2 dashtype 3 linecolor rgb data title sprintf("%d images, σ = %g", count, sigma), \
     "start.tsv" using 2:1 smooth kdensity bandwidth bandwidth \
       with lines linewidth 2 dashtype 2 linecolor rgb start title "start", \
     for [objective in objectives] objective.".tsv" using 2:1 smooth kdensity bandwidth bandwidth \
       with lines linewidth 2.5 linecolor rgb colour(objective) title title(objective)
