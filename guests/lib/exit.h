/* The end of a run. */
#pragma once
#include "types.h"

/*
 * Values for isa-debug-exit at port 0xf4: QEMU's exit status is (value << 1) | 1. Without that device the write has no
 * effect and the processor halts for good.
 */
enum exit_value {
    EXIT_SUCCESS = 0x10,     /* status 33 */
    EXIT_FAILURE = 0x11,     /* status 35: the driver gave up */
    EXIT_EXCEPTION = 0x12,   /* status 37 */
    EXIT_UNSUITABLE = 0x13,  /* status 39: this machine lacks what the guest needs */
};

void leave(enum exit_value value) __attribute__((noreturn));
