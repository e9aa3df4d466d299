# By place: how often the band of the density held the truth; the mean band and the truth.
set multiplot layout 1, 2
set xlabel "coordinate"
set ylabel "density"
set xrange [-2.3:2.3]
set yrange [0:*]
set key top center
plot "places.tsv" every ::1 using 1:4:5 with filledcurves linecolor rgb energy title "mean 90 % band", \
  "places.tsv" every ::1 using 1:3 with lines linewidth 2.5 linecolor rgb energy title "mean estimate", \
  "places.tsv" every ::1 using 1:2 with lines linewidth 2.5 linecolor rgb truth title "truth"
set ylabel "bands of 100 that hold the truth"
set yrange [0:100]
set key bottom center
set object 1 rectangle from graph 0, first 80 to graph 1, first 97 fillcolor rgb "#e4e4e4" fillstyle solid 1 noborder behind
plot "places.tsv" every ::1 using 1:6 with linespoints linewidth 2.5 pointtype 7 linecolor rgb energy \
  title sprintf("of %d repeats", repeats)
unset multiplot
