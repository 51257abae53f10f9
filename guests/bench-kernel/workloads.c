#include "workloads.h"
#include "memory.h"

/* Above the kernel and below 16 MiB: RAM on every machine that can boot it. */
#define ARENA_PHYSICAL 0x800000ul

#define SIEVE_SIZE 65536u
#define MATRIX_SIDE 48u
#define SORT_COUNT 4096u
#define CRC_BYTES 65536u
#define COPY_BYTES 262144u
#define SHA_BYTES 8192u

static void *arena(void) { return phys_to_virt(ARENA_PHYSICAL); }

/* Numerical Recipes' 32-bit generator: quick, and the same everywhere. */
static u32 next_random(u32 *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state;
}

/* Byte stores with growing strides, and a loop over bytes. */
static u64 sieve(u64 rounds)
{
    u8 *composite = arena();
    u64 total = 0;
    for (u64 round = 0; round < rounds; round++) {
        for (u32 i = 0; i < SIEVE_SIZE; i++)
            composite[i] = 0;
        u32 primes = 0;
        for (u32 i = 2; i < SIEVE_SIZE; i++) {
            if (composite[i])
                continue;
            primes++;
            for (u32 multiple = 2 * i; multiple < SIEVE_SIZE; multiple += i)
                composite[multiple] = 1;
        }
        total += primes;
    }
    return total;
}

/* Multiply and add over strided 32-bit loads. */
static u64 matrix(u64 rounds)
{
    u32(*a)[MATRIX_SIDE] = arena();
    u32(*b)[MATRIX_SIDE] = a + MATRIX_SIDE;
    u32(*product)[MATRIX_SIDE] = b + MATRIX_SIDE;
    u32 seed = 1;
    for (u32 i = 0; i < 2 * MATRIX_SIDE * MATRIX_SIDE; i++)
        a[0][i] = next_random(&seed) >> 16;
    for (u64 round = 0; round < rounds; round++) {
        for (u32 row = 0; row < MATRIX_SIDE; row++) {
            for (u32 column = 0; column < MATRIX_SIDE; column++) {
                u32 sum = 0;
                for (u32 k = 0; k < MATRIX_SIDE; k++)
                    sum += a[row][k] * b[k][column];
                product[row][column] = sum;
            }
        }
        a[round % MATRIX_SIDE][0] ^= product[MATRIX_SIDE - 1][round % MATRIX_SIDE];
    }
    u64 sum = 0;
    for (u32 i = 0; i < MATRIX_SIDE; i++)
        sum += product[i][i];
    return sum;
}

/* Recursion and branches that cannot be foretold: quicksort with the middle element as pivot. */
static void sort_range(u32 *values, i64 low, i64 high)
{
    if (low >= high)
        return;
    u32 pivot = values[(low + high) / 2];
    i64 left = low, right = high;
    while (left <= right) {
        while (values[left] < pivot)
            left++;
        while (values[right] > pivot)
            right--;
        if (left > right)
            break;
        u32 swapped = values[left];
        values[left++] = values[right];
        values[right--] = swapped;
    }
    sort_range(values, low, right);
    sort_range(values, left, high);
}

static u64 sort(u64 rounds)
{
    u32 *values = arena();
    u32 seed = 1;
    u64 total = 0;
    for (u64 round = 0; round < rounds; round++) {
        for (u32 i = 0; i < SORT_COUNT; i++)
            values[i] = next_random(&seed);
        sort_range(values, 0, SORT_COUNT - 1);
        for (u32 i = 1; i < SORT_COUNT; i++)
            total += values[i - 1] <= values[i];
        total += values[SORT_COUNT / 2];
    }
    return total;
}

/* Shifts, exclusive or, table loads: CRC-32 as in Ethernet. */
static u64 crc(u64 rounds)
{
    u32 *table = arena();
    u8 *bytes = (u8 *)(table + 256);
    for (u32 i = 0; i < 256; i++) {
        u32 value = i;
        for (u32 bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
        table[i] = value;
    }
    for (u32 i = 0; i < CRC_BYTES; i++)
        bytes[i] = (u8)(i * 7);
    u32 value = 0xffffffffu;
    for (u64 round = 0; round < rounds; round++)
        for (u32 i = 0; i < CRC_BYTES; i++)
            value = value >> 8 ^ table[(value ^ bytes[i]) & 0xff];
    return value ^ 0xffffffffu;
}

static u32 rotate_right(u32 value, u32 count) { return value >> count | value << (32 - count); }

/* The first 32 bits of the fractional part of the cube root of a prime: FIPS 180-4, 4.2.2. */
static u32 cube_root_fraction(u32 prime)
{
    /* Largest r with r^3 <= prime << 96, bit by bit: r has 2 bits before the point and 32 behind it. */
    u64 root = 0;
    for (i64 bit = 34; bit >= 0; bit--) {
        u64 candidate = root | 1ul << bit;
        unsigned __int128 square = (unsigned __int128)candidate * candidate;
        if (square * candidate <= (unsigned __int128)prime << 96)
            root = candidate;
    }
    return (u32)root;
}

/* Rotations and sums in registers and on the stack: the compression of FIPS 180-4, 6.2.2, over 8 KiB. */
static void sha256_block(u32 *hash, const u32 *constants, const u32 *block)
{
    u32 schedule[64];
    for (u32 i = 0; i < 16; i++)
        schedule[i] = __builtin_bswap32(block[i]);
    for (u32 i = 16; i < 64; i++) {
        u32 a = schedule[i - 15], b = schedule[i - 2];
        schedule[i] = schedule[i - 16] + (rotate_right(a, 7) ^ rotate_right(a, 18) ^ a >> 3) + schedule[i - 7] +
                      (rotate_right(b, 17) ^ rotate_right(b, 19) ^ b >> 10);
    }
    u32 v[8];
    for (u32 i = 0; i < 8; i++)
        v[i] = hash[i];
    for (u32 i = 0; i < 64; i++) {
        u32 s1 = rotate_right(v[4], 6) ^ rotate_right(v[4], 11) ^ rotate_right(v[4], 25);
        u32 first = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + schedule[i];
        u32 s0 = rotate_right(v[0], 2) ^ rotate_right(v[0], 13) ^ rotate_right(v[0], 22);
        u32 second = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        for (u32 k = 7; k > 0; k--)
            v[k] = v[k - 1];
        v[4] += first;
        v[0] = first + second;
    }
    for (u32 i = 0; i < 8; i++)
        hash[i] += v[i];
}

static u64 sha256(u64 rounds)
{
    u32 *constants = arena(), *data = constants + 64;
    for (u32 prime = 2, count = 0; count < 64; prime++) {
        bool divided = false;
        for (u32 i = 2; i * i <= prime; i++)
            divided |= prime % i == 0;
        if (!divided)
            constants[count++] = cube_root_fraction(prime);
    }
    for (u32 i = 0; i < SHA_BYTES / 4; i++)
        data[i] = i * 0x9e3779b9u;
    u32 hash[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (u64 round = 0; round < rounds; round++)
        for (u32 at = 0; at < SHA_BYTES / 4; at += 16)
            sha256_block(hash, constants, data + at);
    return (u64)hash[0] << 32 | hash[7];
}

/* String instructions over 256 KiB. */
static u64 copy(u64 rounds)
{
    u8 *from = arena(), *to = from + COPY_BYTES;
    for (u32 i = 0; i < COPY_BYTES; i++)
        from[i] = (u8)(i ^ i >> 8);
    for (u64 round = 0; round < rounds; round++) {
        void *destination = to;
        const void *source = from;
        u64 count = COPY_BYTES / 8;
        asm volatile("rep movsq" : "+D"(destination), "+S"(source), "+c"(count) : : "memory");
        from[round % COPY_BYTES]++;
    }
    u64 sum = 0;
    for (u32 i = 0; i < COPY_BYTES; i++)
        sum = sum * 31 + to[i];
    return sum;
}

/* The same for stores: REP STOS over 256 KiB. */
static u64 fill(u64 rounds)
{
    u8 *to = arena();
    for (u64 round = 0; round < rounds; round++) {
        void *destination = to + (round & 7);
        u64 count = COPY_BYTES / 8;
        asm volatile("rep stosq" : "+D"(destination), "+c"(count) : "a"(round * 0x0101010101010101) : "memory");
    }
    u64 sum = 0;
    for (u32 i = 0; i < COPY_BYTES; i++)
        sum = sum * 31 + to[i];
    return sum;
}

/* Calls, returns and the stack: Fibonacci without shame. */
static u64 __attribute__((noinline)) fibonacci(u64 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static u64 calls(u64 rounds)
{
    u64 total = 0;
    for (u64 round = 0; round < rounds; round++)
        total += fibonacci(16 + (round & 1));
    return total;
}

/* 64-bit arithmetic in registers only: multiply, rotate, divide. */
static u64 arithmetic(u64 rounds)
{
    u64 a = 0x9e3779b97f4a7c15, b = 1;
    for (u64 i = 0; i < rounds * 10000; i++) {
        a = a * 0xbf58476d1ce4e5b9 + i;
        a ^= a >> 31;
        b = b << 7 | b >> 57;
        b += a;
        if ((i & 63) == 0)
            b ^= a / (i + 3) + a % (i + 5);
    }
    return a ^ b;
}

/* One load that depends on the last, over 1 MiB in an order that no cache foresees: what the TLB and memory cost. */
static u64 chase(u64 rounds)
{
    u32 *next = arena();
    const u32 count = 1u << 18;
    for (u32 i = 0; i < count; i++)
        next[i] = (i * 1664525u + 1013904223u) & (count - 1);
    u32 at = 0;
    u64 sum = 0;
    for (u64 i = 0; i < rounds * 10000; i++) {
        at = next[at];
        sum += at;
    }
    return sum;
}

const struct workload workloads[] = {
    {"sieve", sieve, 100},
    {"matrix", matrix, 200},
    {"sort", sort, 100},
    {"crc", crc, 200},
    {"sha256", sha256, 100},
    {"copy", copy, 500},
    {"fill", fill, 500},
    {"calls", calls, 2000},
    {"arithmetic", arithmetic, 500},
    {"chase", chase, 500},
    {"page-faults", page_faults, 500},
    {"system-calls", system_calls, 500},
};
const u32 workload_count = sizeof workloads / sizeof workloads[0];
