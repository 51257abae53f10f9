/* Workloads. Each runs `rounds` times and returns a checksum that depends on all of them. */
#pragma once
#include "types.h"

struct workload {
    const char *name;
    u64 (*run)(u64 rounds);
    u64 default_rounds;
};

/* system-workloads.c */
u64 page_faults(u64 rounds);
u64 system_calls(u64 rounds);

extern const struct workload workloads[];
extern const u32 workload_count;
