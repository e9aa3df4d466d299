# Distance of the estimate to the truth: medians over the seeds, their range, and power laws fitted.
set multiplot layout 2, 2 margins 0.095, 0.985, 0.17, 0.95 spacing 0.1, 0.14
set logscale xy
set format y "%g"
unset key
colour(method) = method eq "flow" ? energy : map
title(method) = method eq "flow" ? "flow, energy distance" : "maximum a posteriori"
of(system, method, varied) = sprintf("< awk -F'\\t' '$1 == \"%s\" && $2 == \"%s\" && $3 == \"%s\"' ", system, method, varied)
do for [system in systems] {
  do for [varied in "images conformations"] {
    set title system eq "identity" ? "one dimension" : "nanocluster"
    set xlabel "number of ".varied
    set ylabel system eq "identity" ? "W_1 to the truth" : "√(energy distance) to the truth"
    set key bottom left reverse Left samplen 1.5
    slope(method) = real(system(of(system, method, varied)[3:*]."slopes.tsv | cut -f 4"))
    factor(method) = real(system(of(system, method, varied)[3:*]."slopes.tsv | cut -f 5"))
    plot for [method in methods] of(system, method, varied)."medians.tsv" using 4:5:6:7 \
           with yerrorbars pointtype 7 linewidth 2 linecolor rgb colour(method) notitle, \
         for [method in methods] factor(method) * x ** slope(method) \
           with lines linewidth 2 linecolor rgb colour(method) title sprintf("slope %.2f", slope(method))
  }
}
@legend
unset logscale
plot for [method in methods] NaN with linespoints pointtype 7 linewidth 2 linecolor rgb colour(method) title title(method)
unset multiplot
