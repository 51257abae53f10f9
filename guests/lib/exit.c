#include "exit.h"
#include "cpu.h"

#define DEBUG_EXIT 0xf4

void leave(enum exit_value value)
{
    out32(DEBUG_EXIT, value);
    for (;;)
        asm volatile("cli; hlt");
}
