"""Import it first: one thread for every library, whatever the environment says, as the figures do.

XLA's flags leave it a pool of a thread for each core, whose waiting more than doubles the CPU-seconds of a small training; NPROC is what
that pool asks. RAYON is of tokenizers and tantivy, POLARS of Polars.
"""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
for _name in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
for _name in ("RAYON_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[_name] = "1"
