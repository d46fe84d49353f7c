"""What `python benchmarks` does.

`workloads` is the table of what is measured, `peers` that of what it is compared with, `targets` that of
what is to be reached. `measuring` measures one thing once; `programs` builds, starts and pins the
processes for it; `counting` counts system calls and instructions. `results` holds what came out,
`report` and `plots` show it. `main` is the command line, and `guard` compares what is counted with what
is kept in `guard.json`.
"""
