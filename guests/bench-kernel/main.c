/*
 * Runs the workloads that the command line names, each with its rounds (`sieve 100 sort 50`), or all of them, prints
 * their checksums and ends. It never looks at a clock: who runs it takes the time.
 */
#include "command-line.h"
#include "exceptions.h"
#include "exit.h"
#include "memory.h"
#include "serial.h"
#include "workloads.h"

static struct memory_layout layout;

static void run(const struct workload *workload, u64 rounds)
{
    print("%s %lu: ", workload->name, rounds);
    print("%016lx\n", workload->run(rounds));
}

void kernel_main(u32 magic, u64 information) __attribute__((noreturn));

void kernel_main(u32 magic, u64 information)
{
    serial_init();
    exceptions_init();
    print("dmascope guest: bench\n");
    memory_init(magic, information, &layout);
    memory_drop_identity_map();

    bool any = false;
    for (u32 i = 0; i < workload_count; i++) {
        const char *argument = find_word(layout.command_line, workloads[i].name);
        if (!argument)
            continue;
        any = true;
        run(&workloads[i], parse_number(argument, workloads[i].default_rounds));
    }
    for (u32 i = 0; !any && i < workload_count; i++)
        run(&workloads[i], workloads[i].default_rounds);
    print("done\n");
    leave(EXIT_SUCCESS);
}
