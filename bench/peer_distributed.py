#!/usr/bin/env python3
"""The PyTorch side of bench/distributed.mjs: the same collectives by torch.distributed with Gloo. Prints one JSON line.

  peer_distributed.py --rank R --port P [--values N]        rank 0 or 1 of two
"""
import argparse
import json
import statistics
import time

import torch
import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--rank", type=int, required=True)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--values", type=int, default=11_000_000)
options = parser.parse_args()
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{options.port}", rank=options.rank, world_size=2)


def timed(calls, body):
    """Median milliseconds; all ranks start each call together."""
    times = []
    for _ in range(calls + 2):
        dist.barrier()
        started = time.perf_counter()
        body()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[2:])


large, one = torch.zeros(options.values), torch.zeros(1)
result = {
    "all-reduce": timed(9, lambda: dist.all_reduce(large)),
    "all-reduce of one value": timed(200, lambda: dist.all_reduce(one)),
    "barrier": timed(200, dist.barrier),
}
dist.barrier()
dist.destroy_process_group()
print(json.dumps(result))
