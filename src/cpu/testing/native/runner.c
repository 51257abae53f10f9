/*
 * Runs instructions on the host's own x86-64 processor: reads cases from a file, writes what became of them.
 * Built and used by scripts/native-fixtures.ts; the tests replay the stored fixtures and need none of this.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/*
 * At 0x30000: gpr[16], flags at 0x80, mxcsr at 0x88, xmm at 0x90, entry and exit at 0x200, host rsp at 0x210, and at
 * 0x400 an FXSAVE image, of which the x87 part counts.
 */
#define CONTEXT 0x30000
#define CODE 0x40000
#define DATA 0x50000

typedef struct {
  uint64_t gpr[16], flags, mxcsr;
  uint8_t xmm[256];
  uint32_t length, vector;
  uint8_t code[48], data[1024], x87[512];
} Case;

extern void run_case(void);
extern char exit_stub[];

__asm__(".intel_syntax noprefix\n"
        "run_case:\n push rbx\n push rbp\n push r12\n push r13\n push r14\n push r15\n mov [0x30210], rsp\n"
        " fxrstor64 [0x30400]\n ldmxcsr [0x30088]\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movups xmm\\n, [0x30090 + \\n * 16]\n .endr\n"
        " push [0x30080]\n popfq\n"
        " mov rax,[0x30000]\n mov rcx,[0x30008]\n mov rdx,[0x30010]\n mov rbx,[0x30018]\n mov rsp,[0x30020]\n"
        " mov rbp,[0x30028]\n mov rsi,[0x30030]\n mov rdi,[0x30038]\n"
        ".irp n,8,9,10,11,12,13,14,15\n mov r\\n, [0x30000 + \\n * 8]\n .endr\n"
        " jmp [0x30200]\n"
        "exit_stub:\n"
        " mov [0x30000],rax\n mov [0x30008],rcx\n mov [0x30010],rdx\n mov [0x30018],rbx\n mov [0x30020],rsp\n"
        " mov [0x30028],rbp\n mov [0x30030],rsi\n mov [0x30038],rdi\n"
        ".irp n,8,9,10,11,12,13,14,15\n mov [0x30000 + \\n * 8], r\\n\n .endr\n"
        " fxsave64 [0x30400]\n fninit\n"
        " mov rsp,[0x30210]\n pushfq\n pop [0x30080]\n cld\n stmxcsr [0x30088]\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movups [0x30090 + \\n * 16], xmm\\n\n .endr\n"
        " pop r15\n pop r14\n pop r13\n pop r12\n pop rbp\n pop rbx\n ret\n"
        ".att_syntax\n");

static sigjmp_buf back;
static volatile int trapped;

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number, (void)info;
  trapped = ((ucontext_t *)context)->uc_mcontext.gregs[REG_TRAPNO];
  siglongjmp(back, 1);
}

static void map(uintptr_t address, size_t size) {
  if (mmap((void *)address, size, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) exit(1);
}

int main(int count, char **arguments) {
  static Case c;
  uint64_t *context = (void *)CONTEXT;
  /* jmp [0x30208] */
  static const uint8_t leave[7] = {0xff, 0x24, 0x25, 0x08, 0x02, 0x03, 0x00};
  static const int signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGTRAP};
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  if (count != 3) return 2;
  map(CONTEXT, 4096), map(CODE, 4096), map(DATA, 0x10000);
  sigaltstack(&stack, 0);
  for (unsigned i = 0; i < 5; i++) sigaction(signals[i], &action, 0);
  FILE *in = fopen(arguments[1], "rb"), *out = fopen(arguments[2], "wb");
  if (!in || !out) return 2;
  while (fread(&c, sizeof c, 1, in) == 1) {
    memcpy(context, c.gpr, 128 + 16 + 256);
    memcpy((char *)context + 0x400, c.x87, sizeof c.x87);
    memcpy((void *)CODE, c.code, sizeof c.code);
    memcpy((void *)(CODE + (uintptr_t)c.length), leave, sizeof leave);
    memcpy((void *)DATA, c.data, sizeof c.data);
    context[0x40] = CODE;
    context[0x41] = (uint64_t)exit_stub;
    trapped = -1;
    if (sigsetjmp(back, 1) == 0) run_case();
    c.vector = trapped;
    memcpy(c.gpr, context, 128 + 16 + 256);
    memcpy(c.data, (void *)DATA, sizeof c.data);
    memcpy(c.x87, (char *)context + 0x400, sizeof c.x87);
    fwrite(&c, sizeof c, 1, out);
  }
  return fclose(out);
}
