/*
 * Several processors: the bootstrap processor starts the others by INIT and start-up IPIs, then all go through the same
 * phases together. Every line that is printed is the same however the processors take turns. Wants 2 to 8 processors.
 */
#include "command-line.h"
#include "cpu.h"
#include "exceptions.h"
#include "exit.h"
#include "memory.h"
#include "serial.h"
#include "smp.h"

#define ROUNDS 2000
#define CLOCK_ROUNDS 200
#define TIMER_TICKS 20000

static struct memory_layout layout;
struct processor processors[CPUS_MAX];
u32 processor_count;

static volatile u32 phase;
static u32 lock;
static volatile u64 locked_count;
static volatile u64 atomic_count;
static volatile u64 last_time, warps;

/* --- Together ------------------------------------------------------------------------------------------------------ */

/* The bootstrap processor opens phase `next` once all the others have ended the one before it. */
static void open_phase(u32 next)
{
    for (u32 cpu = 1; cpu < processor_count; cpu++)
        while (processors[cpu].phase != next - 1)
            cpu_relax();
    phase = next;
}

static void end_phase(u32 number) { processors[current_processor()].phase = number; }

static void wait_for_phase(u32 number)
{
    while (phase < number)
        cpu_relax();
}

static void take_lock(void)
{
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&lock, __ATOMIC_RELAXED))
            cpu_relax();
}

static void release_lock(void) { __atomic_store_n(&lock, 0, __ATOMIC_RELEASE); }

static u64 read_time(void)
{
    u32 low, high;
    asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

static void identify(void)
{
    struct processor *self = &processors[current_processor()];
    u32 eax = 1, ebx, ecx = 0, edx;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    self->leaf1_id = ebx >> 24;
    eax = 0xb;
    ecx = 0;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    self->leaf_b_id = edx;
    self->apic_id = apic_read(APIC_ID) >> 24;
    self->apic_version = apic_read(APIC_VERSION);
    asm volatile("rdmsr" : "=a"(eax), "=d"(edx) : "c"(0x1b));
    self->bootstrap = eax >> 8 & 1;
}

/* --- Phases that everybody goes through ------------------------------------------------------------------------------ */

static void count_under_lock(void)
{
    for (u32 i = 0; i < ROUNDS; i++) {
        take_lock();
        locked_count = locked_count + 1;
        release_lock();
        __atomic_fetch_add(&atomic_count, 1, __ATOMIC_SEQ_CST);
    }
}

/* Nobody may see the time-stamp counter behind what another has seen. */
static void compare_clocks(void)
{
    for (u32 i = 0; i < CLOCK_ROUNDS; i++) {
        take_lock();
        u64 now = read_time();
        if (now < last_time)
            warps = warps + 1;
        last_time = now;
        release_lock();
    }
}

volatile u8 *shootdown_page;

/* A page of code, as memory that is written, and as a function of the identity map. */
typedef u32 (*function)(void);
static u8 *code;

static u32 call_code(void)
{
    u32 eax = 0, ebx, ecx = 0, edx;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx)); /* serialises */
    return ((function)code)();
}

static void write_code(u32 value)
{
    code[0] = 0xb8; /* mov eax, value; ret */
    memcpy(code + 1, &value, 4);
    code[5] = 0xc3;
}

static void run_phases(bool bootstrap, void (*const actions[])(void), u32 count)
{
    for (u32 i = 1; i < count; i++) {
        if (bootstrap)
            open_phase(i);
        else
            wait_for_phase(i);
        if (actions[i])
            actions[i]();
        if (!bootstrap)
            end_phase(i);
    }
}

static void read_before(void) { processors[current_processor()].seen_before = *shootdown_page; }
static void read_after(void) { processors[current_processor()].seen_after = *shootdown_page; }
static void call_before(void) { processors[current_processor()].patched_before = call_code(); }
static void call_after(void) { processors[current_processor()].patched_after = call_code(); }

/* Without interrupts from before the start until HLT: one that comes between the look and HLT would wake nobody. */
static void start_timer(void)
{
    asm volatile("cli");
    apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_write(APIC_TIMER_COUNT, TIMER_TICKS);
    volatile u32 *timer = &processors[current_processor()].timer;
    while (*timer == 0)
        asm volatile("sti; hlt; cli" : : : "memory");
    asm volatile("sti");
}

/* --- What only the bootstrap processor does ------------------------------------------------------------------------ */

static void await(volatile u32 *counter, u32 value)
{
    while (*counter != value)
        cpu_relax();
}

static void send_interrupts(void)
{
    for (u32 cpu = 1; cpu < processor_count; cpu++) {
        apic_send(cpu, VECTOR_FIXED);
        await(&processors[cpu].fixed, 1);
        apic_send(1u << cpu, ICR_LOGICAL | VECTOR_LOGICAL);
        await(&processors[cpu].logical, 1);
        apic_send(cpu, ICR_NMI);
        await(&processors[cpu].nmi, 1);
    }
    apic_send(0, ICR_SELF | VECTOR_FIXED);
    await(&processors[0].fixed, 1);
    apic_send(0, ICR_OTHERS | VECTOR_BROADCAST);
    for (u32 cpu = 1; cpu < processor_count; cpu++)
        await(&processors[cpu].broadcast, 1);
    /* Lowest priority goes to one of them all, whichever that is. */
    apic_send(0xff, ICR_LOGICAL | ICR_LOWEST | VECTOR_LOWEST);
    u32 taken = 0;
    while (taken == 0)
        for (u32 cpu = 0; cpu < processor_count; cpu++)
            taken += processors[cpu].lowest;
    print("lowest priority: taken by %u\n", taken);
}

/* The last page of the identity-mapped gibibyte below 2 GiB gets a page table of its own. */
static u64 page_table[512] __attribute__((aligned(4096)));
static u8 pages[2][4096] __attribute__((aligned(4096)));
extern u64 page_directories[];
#define WINDOW 0x7fe00000ul

static void map_window(const u8 *page)
{
    page_table[0] = virt_to_phys(page) | 0x8000000000000003;
    asm volatile("" : : : "memory");
}

static void prepare_window(void)
{
    pages[0][0] = 0x11;
    pages[1][0] = 0x22;
    map_window(pages[0]);
    page_directories[WINDOW >> 21] = virt_to_phys(page_table) | 3;
    reload_page_tables();
    shootdown_page = phys_to_virt(WINDOW);
}

static void shoot_down(void)
{
    map_window(pages[1]);
    asm volatile("invlpg (%0)" : : "r"(shootdown_page) : "memory");
    apic_send(0, ICR_OTHERS | VECTOR_SHOOTDOWN);
    for (u32 cpu = 1; cpu < processor_count; cpu++)
        await(&processors[cpu].shootdown, 1);
}

static void patch(void) { write_code(0x2222); }

/* The last processor is reset and started once more; a second start-up IPI in a row does nothing. */
static void restart_last(void)
{
    u32 last = processor_count - 1;
    apic_send(last, ICR_INIT | ICR_ASSERT);
    for (volatile u32 i = 0; i < 10000; i++)
        ;
    apic_send(last, ICR_STARTUP | TRAMPOLINE >> 12);
    await(&processors[last].starts, 2);
    apic_send(last, ICR_STARTUP | TRAMPOLINE >> 12);
    for (volatile u32 i = 0; i < 10000; i++)
        ;
    print("restarted: %u starts of processor %u\n", processors[last].starts, last);
}

static void (*const bootstrap_actions[])(void) = {
    NULL,          count_under_lock, compare_clocks, send_interrupts, read_before, shoot_down, read_after,
    call_before,   patch,            call_after,     start_timer,     NULL,
};
static void (*const other_actions[])(void) = {
    NULL,          count_under_lock, compare_clocks, NULL,            read_before, NULL,       read_after,
    call_before,   NULL,             call_after,     start_timer,     NULL,
};
#define PHASES (sizeof bootstrap_actions / sizeof *bootstrap_actions)

void ap_main(void)
{
    interrupts_load();
    apic_enable();
    struct processor *self = &processors[current_processor()];
    identify();
    asm volatile("sti");
    self->starts++;
    /* A processor that is started again has been through the phases. */
    if (self->starts == 1)
        run_phases(false, other_actions, PHASES);
    for (;;)
        asm volatile("sti; hlt");
}

static void start_others(void)
{
    apic_send(0, ICR_OTHERS | ICR_INIT | ICR_ASSERT);
    for (volatile u32 i = 0; i < 100000; i++)
        ;
    apic_send(0, ICR_OTHERS | ICR_STARTUP | TRAMPOLINE >> 12);
    for (u32 cpu = 1; cpu < processor_count; cpu++)
        await(&processors[cpu].starts, 1);
}

static void report(void)
{
    for (u32 cpu = 0; cpu < processor_count; cpu++) {
        struct processor *p = &processors[cpu];
        print("cpu %u: leaf 1 %u, leaf 0xb %u, apic %u version %08x%s\n", cpu, p->leaf1_id, p->leaf_b_id, p->apic_id,
              p->apic_version, p->bootstrap ? ", bootstrap" : "");
        print("cpu %u: fixed %u, broadcast %u, logical %u, nmi %u, timer %u, shootdown %u\n", cpu, p->fixed,
              p->broadcast, p->logical, p->nmi, p->timer, p->shootdown);
        print("cpu %u: page %x then %x, code %x then %x\n", cpu, p->seen_before, p->seen_after, p->patched_before,
              p->patched_after);
    }
    print("counted %lu under the lock, %lu atomically, of %u\n", locked_count, atomic_count, ROUNDS * processor_count);
    print("clock warps: %lu\n", warps);
}

void kernel_main(u32 magic, u64 information) __attribute__((noreturn));

void kernel_main(u32 magic, u64 information)
{
    serial_init();
    exceptions_init();
    print("dmascope guest: smp\n");
    memory_init(magic, information, &layout);
    apic_map();
    u32 eax = 1, ebx, ecx = 0, edx;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    processor_count = edx & 1 << 28 ? ebx >> 16 & 0xff : 1;
    print("%u processors\n", processor_count);
    if (processor_count < 2 || processor_count > 8)
        leave(EXIT_UNSUITABLE);
    /* The legacy controllers stay silent. */
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    interrupts_init();
    interrupts_load();
    apic_enable();
    identify();
    asm volatile("sti");
    /* Within the kernel's own 2 MiB: the one page that may be executed. */
    static u8 function_bytes[16] __attribute__((aligned(64)));
    code = function_bytes;
    write_code(0x1111);
    prepare_window();
    trampoline_place();
    start_others();
    run_phases(true, bootstrap_actions, PHASES);
    open_phase(PHASES);
    restart_last();
    report();
    leave(EXIT_SUCCESS);
}
