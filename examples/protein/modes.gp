# Figure 7: the molecule (C-alpha trace) at -2, 0 and 2 along each mode, seen where it moves most.
set multiplot layout 2, 2 margins 0.075, 0.985, 0.165, 0.95 spacing 0.06, 0.1
set size ratio -1
unset key
# One scale for all panels.
stats "traces.tsv" using 4:5 name "low" nooutput
stats "traces.tsv" using 6:7 name "high" nooutput
most(a, b) = a > b ? a : b
set xrange [-most(-low_min_x, -high_min_x) - 5:most(low_max_x, high_max_x) + 5]
set yrange [-most(-low_min_y, -high_min_y) - 5:most(low_max_y, high_max_y) + 5]
do for [k = 1:coordinates] {
  set title sprintf("mode %d", k) offset 0, -0.5
  if (k > 2) { set xlabel "Å" } else { unset xlabel }
  if (k % 2) { set ylabel "Å" offset 1 } else { unset ylabel }
  plot "traces.tsv" index k using 4:5 with lines linewidth 2 linecolor rgb energy, \
       "traces.tsv" index k using 6:7 with lines linewidth 2 linecolor rgb kl, \
       "traces.tsv" index k using 2:3 with lines linewidth 2.5 linecolor rgb truth
}
@legend
plot NaN with lines linewidth 2 linecolor rgb energy title "coordinate −2", \
     NaN with lines linewidth 2.5 linecolor rgb truth title "0", \
     NaN with lines linewidth 2 linecolor rgb kl title "+2"
unset multiplot
