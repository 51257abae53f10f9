#include "serial.h"
#include "cpu.h"

#define COM1 0x3f8
#define LSR_THRE 0x20

/* A missing UART reads as all ones, so the wait ends at once; a stuck one must not hang the kernel. */
#define TRANSMIT_POLLS 100000

void serial_init(void)
{
    out8(COM1 + 1, 0x00); /* no interrupts */
    out8(COM1 + 3, 0x80); /* divisor latch */
    out8(COM1 + 0, 0x01); /* 115200 baud */
    out8(COM1 + 1, 0x00);
    out8(COM1 + 3, 0x03); /* 8N1 */
    out8(COM1 + 2, 0x07); /* FIFOs on and empty */
    out8(COM1 + 4, 0x03); /* DTR, RTS */
}

void serial_put(char character)
{
    if (character == '\n')
        serial_put('\r');
    for (u32 polls = 0; polls < TRANSMIT_POLLS && !(in8(COM1 + 5) & LSR_THRE); polls++)
        cpu_relax();
    out8(COM1, (u8)character);
}

static void print_number(u64 value, u32 base, u32 width)
{
    char digits[24];
    u32 count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (count < width && count < sizeof digits)
        digits[count++] = '0';
    while (count)
        serial_put(digits[--count]);
}

static void print_signed(i64 value)
{
    if (value < 0) {
        serial_put('-');
        value = -value;
    }
    print_number((u64)value, 10, 0);
}

static void print_string(const char *text)
{
    while (*text)
        serial_put(*text++);
}

void print(const char *format, ...)
{
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            serial_put(*format);
            continue;
        }
        u32 width = 0;
        bool wide = false;
        for (format++; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (u32)(*format - '0');
        if (*format == 'l') {
            wide = true;
            format++;
        }
        switch (*format) {
        case 's': print_string(__builtin_va_arg(arguments, const char *)); break;
        case 'c': serial_put((char)__builtin_va_arg(arguments, int)); break;
        case 'd': print_signed(__builtin_va_arg(arguments, int)); break;
        case 'u':
        case 'x': {
            u64 value = wide ? __builtin_va_arg(arguments, u64) : __builtin_va_arg(arguments, u32);
            print_number(value, *format == 'u' ? 10 : 16, width);
            break;
        }
        default: serial_put(*format); break;
        }
    }
    __builtin_va_end(arguments);
}
