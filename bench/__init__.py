"""Side-by-side measurements: peers in processes of their own, taking turns; medians and ratios."""
