/* The 16550 at 0x3f8, polled. */
#pragma once
#include "types.h"

void serial_init(void);
void serial_put(char character);

/* Understands %s %c %d %u %x and %lx; %x and %lx take a minimum width padded with zeros (%08x). */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
