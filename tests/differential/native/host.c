/*
 * Runs single instructions on the host's own x86-64 processor, as many as one file holds, in 64-, 32- and 16-bit code.
 *
 * One signal handler does it all: the signal that ends a case (a breakpoint behind the instruction, a trap after it, or
 * its fault) tells the whole state, and returning from the handler loads that of the next one. So faults, branches and
 * segment registers are seen just as results are. case-layout.ts says the same about Case as this file does.
 *
 *   host CASES SEGMENTS     SEGMENTS: the local descriptor table, an array of struct user_desc
 *
 * Prints how many of the segments the kernel allowed; the first that it refuses ends them.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x40000u
#define CODE_SIZE 0x2000u
#define READ_ONLY 0x4f000u
#define DATA 0x50000u
#define DATA_SIZE 0x2000u
#define WINDOW 1024u
#define FILLER 0x5a
/* The second code page again, where the code segments' offset 0 is. */
#define WRAPPED 0x31000u
#define PAGE 0x1000u

typedef struct {
  uint64_t gpr[16], rip, flags, fs_base, gs_base;
  uint16_t cs, ss, ds, es, fs, gs, spare[2];
  uint32_t window, length, vector, error;
  uint64_t address;
  uint32_t outside, spare2;
  uint8_t fx[512], ymm_high[256], code[16], data[WINDOW];
  uint32_t code_base, spare3[7];
} Case;
_Static_assert(sizeof(Case) == 2048, "layout");

/* What a signal frame does not hold. */
struct thread {
  uint64_t fs_base, gs_base;
  uint16_t fs, gs;
};

static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
static Case *cases;
static size_t count, at;
static uint8_t *code_alias, filler[DATA_SIZE];
static uint64_t host_fs;
static greg_t host_registers[NGREG];
static uint8_t host_fx[512];
static enum { FIRST, RUNNING, CLEANING } state = FIRST;

/* popfq with the flags that a case may change for good (NT, ID) clear. */
__asm__(".globl clean\nclean: push $0x202\n popfq\n int3\n");
extern char clean[];

static long prctl_raw(long operation, uint64_t address) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "0"(SYS_arch_prctl), "D"(operation), "S"(address) : "rcx", "r11", "memory");
  return result;
}

/* Offset of a case's code in the code pages. */
static uint32_t code_offset(const Case *c) {
  uint32_t linear = c->rip + c->code_base;
  return linear < CODE ? linear - WRAPPED + PAGE : linear - CODE;
}

/* What of a case's code lies on mapped pages. */
static uint32_t mapped_length(const Case *c) {
  uint32_t room = CODE_SIZE - code_offset(c);
  return c->length < room ? c->length : room;
}

static void collect(ucontext_t *u, Case *c, const struct thread *thread) {
  mcontext_t *m = &u->uc_mcontext;
  memset(code_alias + code_offset(c), 0xcc, mapped_length(c));
  for (int i = 0; i < 16; i++) c->gpr[i] = m->gregs[order[i]];
  c->rip = m->gregs[REG_RIP];
  c->flags = m->gregs[REG_EFL];
  c->fs_base = thread->fs_base;
  c->gs_base = thread->gs_base;
  c->fs = thread->fs;
  c->gs = thread->gs;
  c->cs = m->gregs[REG_CSGSFS];
  c->ss = (uint64_t)m->gregs[REG_CSGSFS] >> 48;
  __asm__("mov %%ds, %0" : "=r"(c->ds));
  __asm__("mov %%es, %0" : "=r"(c->es));
  c->vector = m->gregs[REG_TRAPNO];
  c->error = m->gregs[REG_ERR];
  c->address = m->gregs[REG_CR2];
  uint8_t *fx = (uint8_t *)m->fpregs;
  uint64_t present = *(uint64_t *)(fx + 512);
  memcpy(c->fx, fx, 512);
  /* Upper halves stand in the standard place of the XSAVE area; absent means zero. */
  if (present & 4) memcpy(c->ymm_high, fx + 576, 256);
  else memset(c->ymm_high, 0, 256);
  memcpy(c->data, (void *)(uintptr_t)c->window, WINDOW);
  memset((void *)(uintptr_t)c->window, FILLER, WINDOW);
  c->outside = memcmp((void *)DATA, filler, DATA_SIZE) != 0;
  if (c->outside) memcpy((void *)DATA, filler, DATA_SIZE);
}

static void prepare(ucontext_t *u, const Case *c) {
  mcontext_t *m = &u->uc_mcontext;
  for (int i = 0; i < 16; i++) m->gregs[order[i]] = c->gpr[i];
  m->gregs[REG_RIP] = c->rip;
  m->gregs[REG_EFL] = c->flags;
  m->gregs[REG_CSGSFS] = (uint64_t)c->cs | (uint64_t)c->ss << 48;
  uint8_t *fx = (uint8_t *)m->fpregs;
  uint8_t software[48];
  memcpy(software, fx + 464, 48);
  memcpy(fx, c->fx, 512);
  /* The kernel's own words in the reserved end of the image. */
  memcpy(fx + 464, software, 48);
  *(uint32_t *)(fx + 28) = *(uint32_t *)(host_fx + 28);
  *(uint64_t *)(fx + 512) |= 7;
  memcpy(fx + 576, c->ymm_high, 256);
  memcpy(code_alias + code_offset(c), c->code, mapped_length(c));
  memcpy((void *)(uintptr_t)c->window, c->data, WINDOW);
  __asm__("mov %0, %%ds" ::"r"(c->ds));
  __asm__("mov %0, %%es" ::"r"(c->es));
  /* Nothing below this line may use thread-local storage. */
  __asm__ volatile("mov %0, %%fs\n mov %1, %%gs" ::"r"(c->fs), "r"(c->gs));
  if (c->cs == 0x33) prctl_raw(ARCH_SET_GS, c->gs_base);
  if (c->cs == 0x33) prctl_raw(ARCH_SET_FS, c->fs_base);
}

/* The kernel leaves AC set in a handler; C does not align all that it reads and writes. */
static inline void clear_alignment_check(void) {
  __asm__ volatile("pushfq\n andq $~0x40000, (%%rsp)\n popfq" ::: "cc", "memory");
}

static void on_signal(int number, siginfo_t *info, void *context) {
  clear_alignment_check();
  struct thread thread;
  (void)number, (void)info;
  __asm__ volatile("mov %%fs, %0\n mov %%gs, %1" : "=r"(thread.fs), "=r"(thread.gs));
  prctl_raw(ARCH_GET_FS, (uint64_t)&thread.fs_base);
  prctl_raw(ARCH_GET_GS, (uint64_t)&thread.gs_base);
  if (state != FIRST) prctl_raw(ARCH_SET_FS, host_fs);
  ucontext_t *u = context;
  if (state == FIRST) {
    memcpy(host_registers, u->uc_mcontext.gregs, sizeof host_registers);
    memcpy(host_fx, u->uc_mcontext.fpregs, 512);
    host_fs = thread.fs_base;
    state = RUNNING;
  } else if (state == RUNNING) {
    collect(u, &cases[at++], &thread);
    if (u->uc_mcontext.gregs[REG_EFL] & 0x204000) {
      state = CLEANING;
      u->uc_mcontext.gregs[REG_RIP] = (greg_t)clean;
      u->uc_mcontext.gregs[REG_RSP] = host_registers[REG_RSP] - 4096;
      u->uc_mcontext.gregs[REG_EFL] = 0x202;
      u->uc_mcontext.gregs[REG_CSGSFS] = host_registers[REG_CSGSFS];
      return;
    }
  } else state = RUNNING;
  if (at < count) {
    prepare(u, &cases[at]);
    return;
  }
  __asm__("mov %0, %%ds\n mov %0, %%es" ::"r"(0));
  memcpy(u->uc_mcontext.gregs, host_registers, sizeof host_registers);
  memcpy(u->uc_mcontext.fpregs, host_fx, 464);
}

/* A case that runs away ends the whole file, visibly. */
static void on_alarm(int number, siginfo_t *info, void *context) {
  clear_alignment_check();
  ucontext_t *u = context;
  prctl_raw(ARCH_SET_FS, host_fs);
  char text[160], code[33] = "";
  for (uint32_t i = 0; at < count && i < cases[at].length; i++) sprintf(code + 2 * i, "%02x", cases[at].code[i]);
  (void)info, (void)number;
  int length = snprintf(text, sizeof text, "case %zu of the file, %s, runs on at %llx:%llx\n", at, code,
                        (unsigned long long)u->uc_mcontext.gregs[REG_CSGSFS] & 0xffff,
                        (unsigned long long)u->uc_mcontext.gregs[REG_RIP]);
  if (write(2, text, length) < length) _exit(5);
  _exit(4);
}

static void *map(uintptr_t address, size_t size, int protection, int flags, int file, off_t offset) {
  void *result = mmap((void *)address, size, protection, flags, file, offset);
  if (result == MAP_FAILED) perror("mmap"), exit(2);
  return result;
}

/* Fills the local descriptor table. */
static int local_segments(FILE *file) {
  struct user_desc segment;
  int allowed = 0;
  while (file && fread(&segment, sizeof segment, 1, file) == 1) {
    if (syscall(SYS_modify_ldt, 1, &segment, sizeof segment)) break;
    allowed++;
  }
  return allowed;
}

static void environment(void) {
  int file = memfd_create("code", 0);
  if (file < 0 || ftruncate(file, CODE_SIZE)) perror("memfd"), exit(2);
  code_alias = map(0, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memset(code_alias, 0xcc, CODE_SIZE);
  map(CODE, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file, 0);
  map(WRAPPED, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file, PAGE);
  void *page = map(READ_ONLY, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memset(page, FILLER, PAGE);
  mprotect(page, PAGE, PROT_READ);
  memset(filler, FILLER, DATA_SIZE);
  void *data = map(DATA, DATA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memcpy(data, filler, DATA_SIZE);
  static const int signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGTRAP};
  stack_t stack = {.ss_sp = malloc(1 << 18), .ss_size = 1 << 18};
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  for (unsigned i = 0; i < 5; i++) sigaddset(&action.sa_mask, signals[i]);
  sigaltstack(&stack, 0);
  for (unsigned i = 0; i < 5; i++) sigaction(signals[i], &action, 0);
  action.sa_sigaction = on_alarm;
  sigaction(SIGALRM, &action, 0);
}

int main(int argument_count, char **arguments) {
  FILE *file = argument_count == 3 ? fopen(arguments[1], "r+b") : 0;
  struct stat status;
  if (!file || fstat(fileno(file), &status)) return 2;
  count = status.st_size / sizeof(Case);
  cases = malloc(status.st_size);
  if (fread(cases, sizeof(Case), count, file) != count) return 2;
  environment();
  printf("%d\n", local_segments(fopen(arguments[2], "rb")));
  alarm(10);
  if (count) __asm__ volatile("int3" ::: "memory");
  alarm(0);
  rewind(file);
  if (fwrite(cases, sizeof(Case), count, file) != count) return 2;
  return fclose(file);
}
