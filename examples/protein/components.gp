# Figure 8: images along the first two principal components of those observed; kernel estimates.
set multiplot layout 1, 2 margins 0.085, 0.985, 0.32, 0.97 spacing 0.09, 0
unset key
unset ytics
set samples 300
rows(name, set) = sprintf("< awk -F'\\t' '$1 == \"%s\"' components-%s.tsv", set, name)
do for [k = 1:2] {
  set xlabel sprintf("principal component %d", k)
  if (k == 1) { set ylabel "density of images" offset 1 } else { unset ylabel }
  set xrange [*:*]
  set yrange [*:*]
  stats rows("energy", "observed") using (column(k + 1)) name "observed" nooutput
  width = 0.25 * observed_stddev
  set xrange [-3.5 * observed_stddev:3.5 * observed_stddev]
  set yrange [0:0.65 / observed_stddev]
  weight = 1.0 / observed_records
  plot rows("energy", "observed") using (column(k + 1)):(weight) smooth kdensity bandwidth width \
         with filledcurves y=0 linecolor rgb truth, \
       rows("energy", "observed") using (column(k + 1)):(weight) smooth kdensity bandwidth width \
         with lines linewidth 2 linecolor rgb truth, \
       rows("energy", "initial") using (column(k + 1)):(weight) smooth kdensity bandwidth width \
         with lines linewidth 2 dashtype 2 linecolor rgb start, \
       rows("energy", "final") using (column(k + 1)):(weight) smooth kdensity bandwidth width \
         with lines linewidth 2.5 linecolor rgb energy, \
       rows("likelihood", "final") using (column(k + 1)):(weight) smooth kdensity bandwidth width \
         with lines linewidth 2.5 linecolor rgb likelihood
}
@legend
plot NaN with lines linewidth 2 linecolor rgb truth title "images observed", \
     NaN with lines linewidth 2 dashtype 2 linecolor rgb start title "of the start", \
     NaN with lines linewidth 2.5 linecolor rgb energy title "energy, poses unknown", \
     NaN with lines linewidth 2.5 linecolor rgb likelihood title "likelihood, poses given"
unset multiplot
