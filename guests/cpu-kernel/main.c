/*
 * What a processor does beyond arithmetic: paging, privilege, exceptions, debug, system-calls, segments,
 * self-modifying, msr. The command line names the groups; none means all. One line a check, the same on every
 * processor that keeps to the manual.
 */
#include "command-line.h"
#include "cpu.h"
#include "exceptions.h"
#include "exit.h"
#include "harness.h"
#include "memory.h"
#include "serial.h"

static const struct {
    const char *name;
    void (*run)(void);
} groups[] = {
    {"paging", check_paging},
    {"privilege", check_privilege},
    {"exceptions", check_exceptions},
    {"debug", check_debug},
    {"system-calls", check_system_calls},
    {"segments", check_segments},
    {"self-modifying", check_self_modifying},
    {"msr", check_msr},
};
#define GROUPS (sizeof groups / sizeof *groups)

static struct memory_layout layout;

void kernel_main(u32 magic, u64 information) __attribute__((noreturn));

void kernel_main(u32 magic, u64 information)
{
    serial_init();
    exceptions_init();
    print("dmascope guest: cpu\n");
    memory_init(magic, information, &layout);
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    harness_init();
    bool any = false;
    for (u32 i = 0; i < GROUPS; i++)
        any |= find_word(layout.command_line, groups[i].name) != NULL;
    for (u32 i = 0; i < GROUPS; i++) {
        if (any && !find_word(layout.command_line, groups[i].name))
            continue;
        print("[%s]\n", groups[i].name);
        reset_run();
        groups[i].run();
        reset_run();
    }
    print("end\n");
    leave(EXIT_SUCCESS);
}
