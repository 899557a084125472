"""Benchmarks: grids of runs that resume, what each measures, and the pages and plots made of them."""
