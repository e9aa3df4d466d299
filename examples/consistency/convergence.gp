# Distance of the estimate to the truth: medians over the seeds, their range, and power laws fitted.
set multiplot layout 2, 2 margins 0.1, 0.985, 0.17, 0.94 spacing 0.12, 0.15
set logscale xy
set format "%g"
set yrange [0.01:2]
colour(method) = method eq "flow" ? energy : map
title(method) = method eq "flow" ? "flow, energy distance" : "maximum a posteriori (MAP)"
rows(problem, method, varied) = \
  sprintf("awk -F'\\t' '$1 == \"%s\" && $2 == \"%s\" && $3 == \"%s\"' ", problem, method, varied)
number(text) = text eq "None" ? NaN : real(text)
do for [problem in systems] {
  do for [varied in "images conformations"] {
    set title (problem eq "identity" ? "one dimension" : "nanocluster") offset 0, -0.5
    set xlabel "number of ".varied offset 0, 0.3
    set ylabel problem eq "identity" ? "W_1 to the truth" : "√energy distance to the truth"
    set key bottom left reverse Left samplen 2.5
    if (varied eq "images") { set xrange [20:3000] } else { set xrange [1.4:800] }
    slope(method) = number(system(rows(problem, method, varied)."slopes.tsv | cut -f 4"))
    factor(method) = number(system(rows(problem, method, varied)."slopes.tsv | cut -f 5"))
    plot for [method in methods] "< ".rows(problem, method, varied)."medians.tsv" using 4:5:6:7 \
           with yerrorbars pointtype 7 linewidth 2 linecolor rgb colour(method) notitle, \
         for [method in methods] factor(method) * x ** slope(method) \
           with lines linewidth 2 dashtype 2 linecolor rgb colour(method) title sprintf("slope %.2f", slope(method))
  }
}
unset logscale
@legend
plot for [method in methods] NaN with linespoints pointtype 7 linewidth 2 linecolor rgb colour(method) title title(method)
unset multiplot
